"""Why a problem has no solution: which limits conflict, and what each of them would need."""
