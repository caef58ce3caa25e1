"""Batch → tables. When `write` returns, every record of the batch is stored or is a dead letter."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime

from collector.record import Batch, DeadLetter, Outcome, Record
from store.connection import Store
from store.errors import QueryError, StoreUnavailable

log = logging.getLogger(__name__)

_DEAD_LETTER_COLUMNS = [
    "dead_letter_id",
    "received_at",
    "reason",
    "detail",
    "source",
    "log_place",
    "log_offset",
    "producer_id",
    "seq",
    "body",
]


class Stopped(Exception):
    """The program was told to stop while the store was away; nothing of the batch may be acknowledged."""


class Writer:
    """Writes batches of one source. `wait(seconds)` returns True when the program shall stop."""

    def __init__(self, store: Store, source: str, wait: Callable[[float], bool], jitter: Callable[[], float]) -> None:
        self._store = store
        self._source = source
        self._wait = wait
        self._jitter = jitter

    def write(self, batch: Batch, now: datetime) -> Outcome:
        """Insert everything; retries for as long as the store is away. Raises Stopped when told to stop meanwhile."""
        delay = 0.5
        while True:
            try:
                return self._write_once(batch, now)
            except StoreUnavailable as error:
                log.warning("store away, %d records kept, next try in %.1f s: %s", len(batch.records), delay, error)
                if self._wait(delay * (0.5 + self._jitter())):
                    raise Stopped from error
                delay = min(delay * 2, 30.0)

    def _write_once(self, batch: Batch, now: datetime) -> Outcome:
        refused = list(batch.dead_letters)
        stored = len(batch.lines)
        if batch.lines:
            poisoned = self._insert_halving(batch.lines, batch.records)
            refused += poisoned
            stored -= len(poisoned)
        if batch.reports:
            self._store.insert_json("producer_reports", b"\n".join(batch.reports))
        self._store.insert("dead_letters", _DEAD_LETTER_COLUMNS, [_row(d, self._source, now) for d in refused])
        return Outcome(stored + len(batch.reports), refused)

    def _insert_halving(self, lines: list[bytes], records: list[Record]) -> list[DeadLetter]:
        """Insert `lines`; where the store refuses a block, halve it until the bad records are found."""
        try:
            self._store.insert_json("ingest", b"\n".join(lines))
        except QueryError as error:
            if len(lines) == 1:
                return [DeadLetter(records[0], "refused_by_store", str(error)[:500])]
            middle = len(lines) // 2
            return [
                *self._insert_halving(lines[:middle], records[:middle]),
                *self._insert_halving(lines[middle:], records[middle:]),
            ]
        return []


def _row(dead: DeadLetter, source: str, now: datetime) -> tuple[object, ...]:
    record = dead.record
    # A request that is sent again gets new offsets, so there the bytes alone tell a repeat.
    place = "" if source == "http" else f"{record.place}\n{record.offset}\n"
    identity = int.from_bytes(hashlib.blake2b(place.encode() + record.body, digest_size=8).digest(), "big")
    body = record.body.decode("utf-8", "backslashreplace")
    return (
        identity,
        now,
        dead.reason,
        dead.detail,
        source,
        record.place,
        record.offset,
        dead.producer_id,
        dead.seq,
        body,
    )
