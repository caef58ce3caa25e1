"""Frozen migrations, applied in order."""
