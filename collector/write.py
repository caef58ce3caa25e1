"""Batch → tables. When `write` returns, every record of the batch is stored or is a dead letter."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from collector.record import Batch, DeadLetter, Line, Outcome
from store.connection import Store
from store.errors import DataRefused, StoreError

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
    """The program was told to stop while the store could not take a batch; nothing of the batch may be acknowledged."""


class Writer:
    """Writes batches of one source. `wait(seconds)` returns True when the program shall stop.

    `name` tells this writer from all others, ever: with the number of its batch it is the token by which the store
    recognises a block that is tried again.
    """

    def __init__(
        self, store: Store, source: str, name: str, wait: Callable[[float], bool], jitter: Callable[[], float]
    ) -> None:
        self._store = store
        self._source = source
        self._name = name
        self._wait = wait
        self._jitter = jitter
        self._batches = 0

    def write(self, batch: Batch, now: datetime) -> Outcome:
        """Insert everything; retries while the store cannot take it. Raises Stopped when told to stop meanwhile.

        A record is given up only when the store refuses its data; any other trouble of the store keeps the batch.
        """
        delay = 0.5
        self._batches += 1
        while True:
            try:
                return self._write_once(batch, now)
            except StoreError as error:
                count = len(batch.lines) + len(batch.reports) + len(batch.dead_letters)
                log.warning("%d records kept, next try in about %.1f s: %s", count, delay, error)
                if self._wait(delay * (0.5 + self._jitter())):
                    raise Stopped from error
                delay = min(delay * 2, 30.0)

    def _write_once(self, batch: Batch, now: datetime) -> Outcome:
        poisoned = [*self._insert("ingest", batch.lines), *self._insert("producer_reports", batch.reports)]
        refused = [*batch.dead_letters, *poisoned]
        self._store.insert("dead_letters", _DEAD_LETTER_COLUMNS, [_row(d, self._source, now) for d in refused])
        return Outcome(len(batch.lines) + len(batch.reports) - len(poisoned), refused)

    def _insert(self, table: str, lines: Sequence[Line], first: int = 0) -> list[DeadLetter]:
        """Insert `lines`; where the store refuses the data of a block, halve it until the bad records are found."""
        if not lines:
            return []
        try:
            token = f"{self._name}/{self._batches}/{table}/{first}+{len(lines)}"
            self._store.insert_json(table, b"\n".join(line.json for line in lines), token)
        except DataRefused as error:
            if len(lines) == 1:
                return [DeadLetter(lines[0].record, "refused_by_store", str(error)[:500])]
            middle = len(lines) // 2
            after = self._insert(table, lines[middle:], first + middle)
            return [*self._insert(table, lines[:middle], first), *after]
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
