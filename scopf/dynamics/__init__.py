"""Dynamics after a small disturbance: the exact checks that criteria approximate."""
