"""(P1): the optimal power flow with stability rows, one file for each family of equations."""
