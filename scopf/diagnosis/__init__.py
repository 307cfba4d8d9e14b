"""Why a problem has no solution: which limits conflict, and what each of them would need."""

from scopf.diagnosis.answer import diagnose, explain
from scopf.diagnosis.limits import Limit
from scopf.diagnosis.report import Change, Diagnosis

__all__ = ["Change", "Diagnosis", "Limit", "diagnose", "explain"]
