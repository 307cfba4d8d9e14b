"""Studies that anyone can rerun: how far each criterion lies from the exact condition.

`gap` on the paper's two-bus grid, `montecarlo` on random networks, `lossy` where lines have
resistance, `conservatism` in the optimal power flow of a case.
"""
