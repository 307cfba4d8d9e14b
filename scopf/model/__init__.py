"""The optimisation problem as a Pyomo model that reads like (P1) of the paper."""

from scopf.model.problem import Problem, build

__all__ = ["Problem", "build"]
