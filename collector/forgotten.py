"""Events of forgotten users and sessions lose their texts when they arrive, be it again: the numbers count on."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from tokentide import call as event

from collector.forget import Key, Kind, key_of, sweep
from collector.pinning import fields_of
from collector.record import Record
from collector.refresh import keep_fresh
from store.connection import Store
from store.sql import load

# What was on its way when a key came is stored by then, or is delivered again and cleaned.
_SWEPT_AGAIN_FOR: Final = timedelta(hours=1)
# The ids of trace and response stay: by them a call that is told twice is recognised.
_DROPPED: Final = {"user_hash", "session_id", "prompt", "response", "prompt_hash", "attributes", "request_id"}
_KINDS: Final[dict[str, Kind]] = {"user_hash": "user", "session_id": "session"}
_KEPT: Final = frozenset(event.FIELDS) - _DROPPED


class _Who(msgspec.Struct):
    # Of any type: a record whose other name is none is a dead letter, and no less of whom this one names.
    user_hash: Any = ""
    session_id: Any = ""
    attributes: Any = None


_who = msgspec.json.Decoder(_Who)


class ForgottenKeys:
    """The forgotten keys of `store`, read again every ten seconds; most stores have none, and then it costs nothing."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._keys: frozenset[Key] = frozenset()

    def refresh(self) -> None:
        """Learn the keys, and delete what was stored of new ones by those who did not know them yet.

        Raises StoreError.
        """
        rows = self._store.query(load("collector", "forgotten_keys")).rows
        self._keys = frozenset(Key(kind, digest) for kind, digest, _ in rows)
        newest = self._clock() - _SWEPT_AGAIN_FOR
        for kind, digest, forgotten_at in rows:
            if forgotten_at > newest:
                self._sweep(Key(kind, digest), forgotten_at - _SWEPT_AGAIN_FOR)

    def run(self, stop: threading.Event) -> None:
        """Refresh until `stop` is set."""
        keep_fresh(self.refresh, "the forgotten keys", stop)

    def cleaned(self, record: Record) -> Record:
        """`record`, without texts and names when it is of a forgotten user or session; unreadable ones as they are."""
        if not self._keys:
            return record
        try:
            who = _who.decode(record.body)
            is_known = any(key_of(kind, name) in self._keys for kind, name in _named(record.body, who))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return record
        if not is_known:
            return record
        return Record(record.place, record.offset, msgspec.json.encode(_kept(record.body, who)))

    def _sweep(self, key: Key, since: datetime) -> None:
        asked = {"kind": key.kind, "digest": key.digest}
        lately = asked | {"since": since}
        if (
            self._store.query(load("collector", "calls_of_key"), asked).rows
            or self._store.query(load("collector", "dead_letters_of_key"), lately).rows
        ):
            sweep(self._store, key, "", secrets.token_hex(16))


def _named(body: bytes, who: _Who) -> Iterator[tuple[Kind, str]]:
    """All whom the record names: one that names two becomes a dead letter, and may tell of either."""
    said = [("user_hash", who.user_hash), ("session_id", who.session_id)]
    yield from _texts(said)
    if any(body.count(f'"{name}"'.encode()) > 1 for name, _ in said):
        yield from _texts(json.loads(body.decode("utf-8", "replace"), object_pairs_hook=list, parse_int=str))


def _texts(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[Kind, str]]:
    for name, value in pairs:
        if name in _KINDS and isinstance(value, str) and value:
            yield _KINDS[name], value


def _kept(body: bytes, who: _Who) -> dict[str, msgspec.Raw]:
    try:
        told = fields_of(body) or {}
    except RecursionError:
        return {}  # a dead letter without anything in it
    fields = {name: value for name, value in told.items() if name in _KEPT}
    if "provider_reported_cost" in fields and "currency" in told:
        fields["currency"] = told["currency"]  # by it the cost is believed or not
    account = who.attributes.get("account") if isinstance(who.attributes, dict) else None
    if isinstance(account, str):
        # By it the price is found.
        fields["attributes"] = msgspec.Raw(msgspec.json.encode({"account": account}))
    return fields
