"""A sweep read back: what was varied, and its tables lined up with that."""
