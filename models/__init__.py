"""The core: pure values in, pure values out. Time, randomness and policy are given to it."""
