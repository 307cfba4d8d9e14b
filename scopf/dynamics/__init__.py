"""What really happens after a small disturbance: the exact checks that criteria stand in for."""
