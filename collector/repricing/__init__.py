"""Pricing calls of the past again: what their names mean now, what that would change, and what it changed."""
