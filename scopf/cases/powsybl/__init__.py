"""pypowsybl networks, and files that pypowsybl reads, as networks."""
