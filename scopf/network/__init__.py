"""The per-unit network, its tables, what can be wrong with them, and what is derived from it."""
