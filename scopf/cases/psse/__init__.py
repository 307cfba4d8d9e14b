"""PSS/E power flow files (.raw, revisions 23 to 36) as networks.

Field names, units and defaults are those of PSS/E's documentation of the format.
"""
