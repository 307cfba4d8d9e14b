"""Networks from files and pandapower nets, and networks to files."""
