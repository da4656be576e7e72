"""Candidates: generations that decide beside the one in force, and what is said of them before one is promoted."""
