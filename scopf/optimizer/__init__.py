"""Runs one nonlinear program, from its start point to the status it ends with."""
