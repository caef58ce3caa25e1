"""A short way to write what happens to one alert over time: one evaluation a minute."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from conftest import NOW

from alerts.rule import Rule
from alerts.state import AlertState, Reading, StateName, step
from store.sql import Query

LABELS = {"alertname": "Test", "team": "search"}
MINUTE = timedelta(minutes=1)


def rule(**fields: Any) -> Rule:
    """A rule that fires above 0.5."""
    return Rule.model_validate({"alert": "Test", "query": Query("test", "", "", {}), "fire_above": 0.5} | fields)


def reading(value: float | None, limit: float = 0.5) -> Reading | None:
    """A reading of the one alert; None stays None, which means no row."""
    return None if value is None else Reading(LABELS, value, limit)


def inactive(now: datetime = NOW) -> AlertState:
    """The alert before anything happened."""
    return AlertState(rule="Test", fingerprint="f", labels=LABELS, evaluated_at=now)


def timeline(of: Rule, values: list[float | None], start: AlertState | None = None) -> list[AlertState]:
    """The state after each minute's value."""
    state, states = start or inactive(), []
    for minute, value in enumerate(values):
        state = step(state, reading(value), of, NOW + minute * MINUTE)
        states.append(state)
    return states


def names(of: Rule, values: list[float | None]) -> list[StateName]:
    """The name of the state after each minute's value."""
    return [state.state for state in timeline(of, values)]
