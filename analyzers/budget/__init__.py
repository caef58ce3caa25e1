"""Budgets: what certain calls may cost in a calendar period, what they cost, and where that leads."""
