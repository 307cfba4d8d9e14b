"""The diagnosis of an infeasible problem: limits that conflict, and the value that each needs."""
