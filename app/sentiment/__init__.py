"""The sentiment head that is shipped: what it learnt from, how it was made, and the file that a worker loads."""
