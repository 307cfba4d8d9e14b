"""The devices in motion: what happens in a grid after an outage, a step or a reclosure."""
