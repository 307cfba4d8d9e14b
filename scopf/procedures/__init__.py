"""Solving: one problem, or several in a row."""
