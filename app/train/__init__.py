"""Training of what is committed: coefficients that every company starts from, with the figures of parts held out."""
