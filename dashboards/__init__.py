"""Panels and queries, defined once: rendered to Grafana JSON and shown on the built-in page."""
