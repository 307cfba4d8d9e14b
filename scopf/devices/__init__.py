"""What is connected to a bus: one file for each kind of device, with its parameters and units."""
