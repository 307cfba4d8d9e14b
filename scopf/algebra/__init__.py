"""A Pyomo model by families: each equation written once, its data as arrays."""

from scopf.algebra.formulation import Formulation

__all__ = ["Formulation"]
