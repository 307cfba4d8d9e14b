"""Sweeps: many scenarios of one study, in parallel, in a folder that survives a kill."""
