"""Importing: the rows of a file into the ticket topic, each exactly once, however often the process is killed."""
