"""Stability criteria: what they limit, their rows on a model, and what they say about a point."""
