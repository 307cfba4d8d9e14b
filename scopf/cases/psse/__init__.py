"""PSS/E power flow files (.raw, revisions 30 to 35) as networks.

Field names, units and defaults are those of PSS/E's documentation of the format.
"""
