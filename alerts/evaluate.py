"""Evaluate every rule at aligned instants, remember where each alert stands, and tell the channels."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Final

from alerts.channels.channel import Channel
from alerts.config import AlertsConfig
from alerts.journal import complete_history, read_states, write
from alerts.notify import Courier, due
from alerts.reading import check_columns, readings
from alerts.rule import Rule, RuleError
from alerts.state import AlertState, Reading, Transition, advance, clear, hold, transitions
from store.connection import Result, Store
from store.errors import StoreError
from store.sql import Query

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_log = logging.getLogger("tokentide.alerts")

FAILING: Final = Rule(
    alert="RuleEvaluationFailing",
    query=Query("", "", "", {}),
    fire_above=0,
    for_=timedelta(minutes=1),
)
"""The alert about rules that cannot be evaluated. A single failure, which the next evaluation heals, is not one."""


class Evaluator:
    """Everything that is known about the alerts of `rules`. Used by one thread."""

    def __init__(self, store: Store, rules: Sequence[Rule], channels: Sequence[Channel], config: AlertsConfig) -> None:
        self._store = store
        self._rules = rules
        self._couriers = [Courier(channel) for channel in channels]
        self._config = config
        self._quiet = {rule.alert for rule in rules if not rule.announce_resolved}
        self._states: dict[str, AlertState] | None = None
        self._unsaved: dict[str, AlertState] = {}
        self._unsaved_changes: list[Transition] = []
        self._at: datetime | None = None

    def tick(self, now: datetime) -> list[Transition]:
        """Evaluate if an aligned instant has passed since the last call, then deliver what is due.

        States are saved before anybody is told, and what was accepted is saved afterwards: a crash in between repeats
        a notification and never loses one. Returns what changed.
        """
        if self._states is None:
            try:
                complete_history(self._store)
                self._states = read_states(self._store)
            except StoreError as error:
                _log.error("no rule is evaluated: %s", error)
                return []
        changes: list[Transition] = []
        at = aligned(now, self._config)
        if self._at is None or at > self._at:
            self._at = at
            changes = self._evaluate(self._states, at)
        for courier in self._couriers:
            self._deliver(self._states, courier, self._at, now)
        return changes

    def _evaluate(self, states: dict[str, AlertState], at: datetime) -> list[Transition]:
        after: dict[str, AlertState] = {}
        failures: list[Reading] = []
        for rule in self._rules:
            before = _of(states, rule)
            try:
                found = readings(ask(self._store, rule, self._config, at), rule)
            except (StoreError, RuleError) as error:
                _log.error("the rule %s cannot be evaluated: %s", rule.alert, error)
                failures.append(_failure(rule, error))
                after |= {key: hold(state, at) for key, state in before.items()}
            else:
                after |= advance(before, found, rule, at)
        after |= advance(_of(states, FAILING), failures, FAILING, at)
        for key in states.keys() - after.keys():  # of rules that are gone
            after[key] = clear(replace(states[key], evaluated_at=at))
        changes = transitions(states, after)
        self._save([state for key, state in after.items() if state != states.get(key)], changes)
        states.clear()
        states.update((key, state) for key, state in after.items() if state.state != "inactive")
        return changes

    def _deliver(self, states: dict[str, AlertState], courier: Courier, at: datetime, now: datetime) -> None:
        groups = due(states.values(), courier.channel, at, self._quiet)
        accepted = courier.deliver(groups, now)
        for news in accepted:
            state = states[news.fingerprint]
            states[news.fingerprint] = replace(state, sent_at={**state.sent_at, courier.channel.name: at})
        self._save([states[news.fingerprint] for news in accepted], [])

    def _save(self, states: Iterable[AlertState], changes: Iterable[Transition]) -> None:
        self._unsaved |= {state.fingerprint: state for state in states}
        self._unsaved_changes += changes
        try:
            write(self._store, self._unsaved.values(), self._unsaved_changes)
        except StoreError as error:
            _log.error("the state of %d alerts is not saved yet: %s", len(self._unsaved), error)
        else:
            self._unsaved.clear()
            self._unsaved_changes.clear()


def aligned(now: datetime, config: AlertsConfig) -> datetime:
    """The latest instant to evaluate at `now`: a multiple of the interval, so that every replica uses the same ones."""
    interval = timedelta(seconds=config.interval_s)
    since = now - timedelta(seconds=config.delay_s) - _EPOCH
    return _EPOCH + since // interval * interval


def ask(store: Store, rule: Rule, config: AlertsConfig, at: datetime) -> Result:
    """The rows of the rule's query for its window that ends at `at`. Raises StoreError."""
    start, end = rule.bounds(at)
    offered = config.query_settings() | dict(rule.parameters) | {"from": start, "to": end}
    return store.query(rule.query, {name: offered[name] for name in rule.query.parameters if name in offered})


def problems(store: Store, rules: Sequence[Rule], config: AlertsConfig, at: datetime) -> list[str]:
    """What is wrong with the rules' queries, found by running each once; empty when all is well.

    Columns are checked only where there are rows.
    """
    found = []
    for rule in rules:
        try:
            check_columns(ask(store, rule, config, at), rule)
        except (StoreError, RuleError) as error:
            found.append(f"{rule.alert}: {error}")
    return found


def _of(states: dict[str, AlertState], rule: Rule) -> dict[str, AlertState]:
    return {key: state for key, state in states.items() if state.rule == rule.alert}


def _failure(rule: Rule, error: Exception) -> Reading:
    reason = _CREDENTIALS.sub("//", str(error))[:500].rstrip(".")
    return Reading(
        labels={**rule.labels, "rule": rule.alert, "alertname": FAILING.alert},
        value=1,
        fire_above=0,
        annotations={
            "summary": f"The rule {rule.alert} cannot be evaluated",
            "description": f"{reason}. Its alerts keep their last state for up to an hour.",
            "runbook": "See whether the store answers; `tokentide check` runs the query of every rule once.",
        },
    )
