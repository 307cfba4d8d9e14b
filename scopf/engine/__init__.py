"""Any Pyomo model as arrays with exact sparse first and second derivatives."""
