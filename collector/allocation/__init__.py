"""Costs that are of no single call: the hours of flat capacity, and what all teams share."""
