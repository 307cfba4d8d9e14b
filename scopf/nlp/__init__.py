"""The engine: any Pyomo model as arrays with exact sparse first and second derivatives."""

from scopf.nlp.nlp import NLP

__all__ = ["NLP"]
