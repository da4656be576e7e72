"""The Faust edge: a page a path, and the wire under them."""
