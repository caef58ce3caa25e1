"""Where alerts stand, kept in the store so that a restart neither forgets nor repeats one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, fields

from alerts.state import AlertState, Transition
from store.connection import Store
from store.sql import load

_STATE_COLUMNS = [field.name for field in fields(AlertState)]
_HISTORY_COLUMNS = [field.name for field in fields(Transition)]


def read_states(store: Store) -> dict[str, AlertState]:
    """Every alert that is not inactive, by fingerprint. Raises StoreError."""
    rows = store.query(load("alerts", "active_alerts")).dicts()
    return {row["fingerprint"]: AlertState(**row) for row in rows}


def complete_history(store: Store) -> None:
    """Append the changes that a crash between the two inserts of `write` kept from the history. Raises StoreError."""
    rows = store.query(load("alerts", "unwritten_changes")).dicts()
    _append(store, [Transition(**row) for row in rows])


def write(store: Store, states: Iterable[AlertState], changes: Iterable[Transition]) -> None:
    """Keep `states` and append `changes` to the history; safe to repeat for the states. Raises StoreError."""
    store.insert("alert_state", _STATE_COLUMNS, [astuple(state) for state in states])
    _append(store, changes)


def _append(store: Store, changes: Iterable[Transition]) -> None:
    store.insert("alert_history", _HISTORY_COLUMNS, [astuple(change) for change in changes])
