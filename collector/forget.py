"""Forget a user or a session: texts are deleted, calls keep their numbers and lose what leads to a person."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from store.connection import Store
from store.retention import kept_since
from store.sql import load

_CALLS_A_STATEMENT: Final = 1000

Kind = Literal["user", "session"]


@dataclass(frozen=True, slots=True)
class Key:
    """Whom to forget: the SHA-256 of a user_hash or of a session_id, which is all that is remembered of it."""

    kind: Kind
    digest: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was found of a key and deleted, and the sums of every team before and after."""

    found: dict[str, int]
    left: dict[str, int]
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]

    @property
    def unchanged(self) -> bool:
        """Whether every sum is what it was."""
        return self.before == self.after


def key_of(kind: Kind, value: str) -> Key:
    """The key of a user_hash or a session_id. Raises ValueError for an empty one, which is everybody's."""
    if not value:
        raise ValueError(f"there is no {kind} without a name: name the one to forget")
    return Key(kind, hashlib.sha256(value.encode("utf-8", "replace")).hexdigest())


def look(store: Store, key: Key, value: str = "") -> dict[str, int]:
    """How much is stored of `key`. `value`, the name itself, also finds dead letters that are no JSON of ours.

    Raises StoreError.
    """
    (found,) = store.query(load("collector", "matches_of_key"), {**_parameters(key), "value": value}).dicts()
    for name in ("quotes", "findings"):
        found[name] = len(store.query(load("collector", f"{name}_of_key"), _parameters(key)).rows)
    return found


def forget(store: Store, key: Key, value: str, salt: str, now: datetime) -> Forgotten:
    """Forget `key` for good: collectors do not store its texts again. Every step may be done again after a stop.

    `salt` is random and used once. Raises StoreError.
    """
    span = {"before": now, "since": kept_since(store)}
    before = store.query(load("collector", "team_sums"), span).dicts()
    found = look(store, key, value)
    store.insert("forgotten_keys", ["kind", "digest", "forgotten_at"], [(key.kind, key.digest, now)])
    sweep(store, key, value, salt)
    after = store.query(load("collector", "team_sums"), span).dicts()
    return Forgotten(found, look(store, key, value), before, after)


def sweep(store: Store, key: Key, value: str, salt: str) -> None:
    """Delete what is stored of `key`. The calls come last, because they lead to everything else. Raises StoreError."""
    parameters = _parameters(key)
    calls, quotes, notes = (
        [row[0] for row in store.query(load("collector", f"{name}_of_key"), parameters).rows]
        for name in ("calls", "quotes", "findings")
    )
    _each(store, "forget_quotes", "quotes", quotes)
    _each(store, "forget_findings", "notes", notes)
    store.execute(load("collector", "forget_dead_letters"), {**parameters, "value": value})
    _each(store, "forget_texts", "calls", calls)
    if calls:
        store.execute(load("collector", "forget_calls"), {**parameters, "salt": salt})


def _each(store: Store, statement: str, parameter: str, values: Sequence[str]) -> None:
    for start in range(0, len(values), _CALLS_A_STATEMENT):
        store.execute(load("collector", statement), {parameter: values[start : start + _CALLS_A_STATEMENT]})


def _parameters(key: Key) -> dict[str, Any]:
    return {"kind": key.kind, "digest": key.digest}
