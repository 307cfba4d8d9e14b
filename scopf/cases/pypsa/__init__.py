"""PyPSA networks as networks."""
