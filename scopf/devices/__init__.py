"""Devices at the buses: one file for each kind, with its parameters and units."""
