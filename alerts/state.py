"""The state machine of one alert: inactive → pending → firing → resolved, with the semantics of Prometheus.

Identity is the set of labels, never the value. Everything here is pure: `now` is the instant of the evaluation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from alerts.rule import Rule

StateName = Literal["inactive", "pending", "firing", "resolved"]

RESOLVED_FOR: Final = timedelta(minutes=15)
"""How long a resolved alert is kept, so that it can be sent again to a channel that was away."""

BLIND_FOR: Final = timedelta(hours=1)
"""How long an alert keeps its state, and a pending one its waiting time, while its rule cannot be evaluated."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule's query says of one alert at one evaluation; the alert's condition is `value > fire_above`."""

    labels: Mapping[str, str]
    value: float
    fire_above: float
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The identity of the alert: a digest of its sorted labels."""
        return hashlib.sha256(json.dumps(sorted(self.labels.items())).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Where one alert stands. `sent_at` tells for each channel which evaluation it last accepted."""

    rule: str
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    state: StateName = "inactive"
    value: float | None = None
    active_at: datetime | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    clear_since: datetime | None = None
    sent_at: Mapping[str, datetime] = field(default_factory=dict)
    evaluated_at: datetime


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state of one alert."""

    at: datetime
    rule: str
    fingerprint: str
    labels: Mapping[str, str]
    from_state: StateName
    to_state: StateName
    value: float | None
    summary: str


def step(state: AlertState, reading: Reading | None, rule: Rule, now: datetime) -> AlertState:
    """The state after an evaluation at `now` that found `reading` (None: no row for this alert)."""
    if reading is None and rule.on_missing == "keep":
        return hold(state, now)
    seen = replace(state, evaluated_at=now, value=state.value if reading is None else reading.value)
    if reading is not None and _holds(reading, rule, state.state == "firing"):
        return _hit(replace(seen, annotations=reading.annotations), rule, state.evaluated_at)
    return _miss(seen, rule)


def hold(state: AlertState, now: datetime) -> AlertState:
    """The state after an evaluation at `now` that told nothing: unchanged, but for an hour at most."""
    if state.state in ("pending", "firing") and now - state.evaluated_at <= BLIND_FOR:
        return state
    return clear(replace(state, evaluated_at=now))


def clear(state: AlertState) -> AlertState:
    """The state when the condition is over at `state.evaluated_at`: resolved, and inactive a while after that."""
    now = state.evaluated_at
    if state.state == "firing":
        return replace(state, state="resolved", resolved_at=now, clear_since=None)
    if state.resolved_at is not None and now - state.resolved_at < RESOLVED_FOR:
        return replace(state, state="resolved", active_at=None)
    return AlertState(rule=state.rule, fingerprint=state.fingerprint, labels=state.labels, evaluated_at=now)


def advance(
    states: Mapping[str, AlertState], readings: list[Reading], rule: Rule, now: datetime
) -> dict[str, AlertState]:
    """Every alert of `rule` one evaluation further, by fingerprint; those that were and stay inactive are left out."""
    by_fingerprint = {reading.fingerprint: reading for reading in readings}
    unknown = {
        key: AlertState(rule=rule.alert, fingerprint=key, labels=reading.labels, evaluated_at=now)
        for key, reading in by_fingerprint.items()
    }
    after = {key: step(state, by_fingerprint.get(key), rule, now) for key, state in (unknown | dict(states)).items()}
    return {key: state for key, state in after.items() if key in states or state.state != "inactive"}


def transitions(before: Mapping[str, AlertState], after: Mapping[str, AlertState]) -> list[Transition]:
    """What changed between two evaluations."""
    changes = []
    for fingerprint, new in after.items():
        old: StateName = before[fingerprint].state if fingerprint in before else "inactive"
        if old != new.state:
            summary = new.annotations.get("summary", "")
            changes.append(
                Transition(new.evaluated_at, new.rule, fingerprint, new.labels, old, new.state, new.value, summary)
            )
    return changes


def _holds(reading: Reading, rule: Rule, firing: bool) -> bool:
    if reading.value > reading.fire_above:
        return True
    return firing and rule.clear_below is not None and reading.value >= rule.clear_below


def _hit(state: AlertState, rule: Rule, last: datetime) -> AlertState:
    now = state.evaluated_at
    if state.state == "firing":
        return replace(state, clear_since=None)
    waiting = state.state == "pending" and now - last <= BLIND_FOR
    active_at = state.active_at if waiting and state.active_at is not None else now
    if now - active_at >= rule.for_:
        return replace(state, state="firing", active_at=active_at, fired_at=now, resolved_at=None)
    return replace(state, state="pending", active_at=active_at)


def _miss(state: AlertState, rule: Rule) -> AlertState:
    if state.state == "firing" and rule.keep_firing_for:
        since = state.clear_since or state.evaluated_at
        if state.evaluated_at - since < rule.keep_firing_for:
            return replace(state, clear_since=since)
    return clear(state)
