"""A ticket's way, one step a file: clean -> pack -> encode -> match -> decide."""
