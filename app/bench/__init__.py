"""Benchmarks: Sluice measured against its peers in the same run, on the same machine, as ratios."""
