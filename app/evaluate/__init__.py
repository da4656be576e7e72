"""Evaluation: the product's own path on a labelled file, scored. One module a path."""
