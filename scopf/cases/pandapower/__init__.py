"""pandapower nets as networks."""
