"""Surges of known problems: window -> detect -> lifecycle."""
