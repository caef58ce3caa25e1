"""The table of dead letters: every record that could not become a row, with its bytes, until it is replayed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from collector.record import DeadLetter, Record
from store.connection import Store
from store.sql import load

_KEPT: Final = [
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
_DECIDED: Final = [*_KEPT, "app", "decided_at", "replayed"]
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters: those that arrived since an instant, of one reason and source (empty: of any), or by id."""

    since: datetime
    reason: str = ""
    source: str = ""
    ids: Sequence[int] = ()

    def parameters(self) -> dict[str, Any]:
        """As the statements take them."""
        return {"since": self.since, "reason": self.reason, "source": self.source, "ids": list(self.ids)}


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it is kept. `decided_at` is when it was last tried; `replayed`: it became a row then."""

    letter_id: int
    received_at: datetime
    source: str
    app: str
    dead: DeadLetter
    decided_at: datetime
    replayed: bool = False

    def stored(self, now: datetime) -> Letter:
        """The letter once it has become a row: nothing of its text is kept twice."""
        empty = replace(self.dead, record=replace(self.dead.record, body=b""))
        return replace(self, dead=empty, decided_at=self._after(now), replayed=True)

    def refused(self, dead: DeadLetter, now: datetime) -> Letter:
        """The letter once it was tried in vain, with what was said against it this time."""
        return replace(self, dead=dead, decided_at=self._after(now))

    def _after(self, now: datetime) -> datetime:
        # Later than the row that it replaces, be the clock that wrote that one ahead.
        return max(now, self.decided_at + _TICK)


class DeadLetters:
    """Keeps, finds and settles dead letters in `store`. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, letters: Iterable[DeadLetter], source: str, now: datetime) -> None:
        """Keep what arrived at `now`; a record that is delivered again replaces itself."""
        rows = [(letter_id(source, dead), now, *_of(dead, source)) for dead in letters]
        self._store.insert("dead_letters", _KEPT, rows)

    def settle(self, letters: Iterable[Letter]) -> None:
        """Replace each letter by what became of it, in one insert."""
        rows = [
            (one.letter_id, one.received_at, *_of(one.dead, one.source), one.app, one.decided_at, int(one.replayed))
            for one in letters
        ]
        self._store.insert("dead_letters", _DECIDED, rows)

    def counts(self, selection: Selection, limit: int) -> list[dict[str, Any]]:
        """How many there are by reason, app and producer, most first; each row has the `total` of all groups."""
        return self._store.query(
            load("collector", "dead_letter_counts"), {**selection.parameters(), "limit": limit}
        ).dicts()

    def newest(self, selection: Selection, limit: int) -> list[dict[str, Any]]:
        """The newest of them, without their bytes."""
        return self._store.query(
            load("collector", "dead_letters_newest"), {**selection.parameters(), "limit": limit}
        ).dicts()

    def waiting(
        self, selection: Selection, before: datetime, after: tuple[datetime, int], limit: int, most_bytes: int
    ) -> list[Letter]:
        """The next letters that were last tried before `before`, in the order of (last tried, id), behind `after`.

        At most `limit`, and of those the first that together have `most_bytes`, but always one.
        """
        asked = {**selection.parameters(), "before": before, "after": after[0], "after_id": after[1], "limit": limit}
        found: list[int] = []
        size = 0
        for one, length in self._store.query(load("collector", "dead_letters_waiting"), asked).rows:
            size += length
            if found and size > most_bytes:
                break
            found.append(one)
        return self.by_id(found)

    def by_id(self, ids: Sequence[int]) -> list[Letter]:
        """The letters with these ids as they stand now, in this order, replayed ones too; unknown ids are left out."""
        rows = self._store.query(load("collector", "dead_letters_by_id"), {"ids": list(ids)}).dicts() if ids else []
        letters = {row["dead_letter_id"]: _letter(row) for row in rows}
        return [letters[one] for one in ids if one in letters]


def letter_id(source: str, dead: DeadLetter) -> int:
    """What a record is called as a dead letter, each time that it is delivered."""
    record = dead.record
    # A request that is sent again gets new offsets, and so does an event that its producer sends to Kafka again: the
    # bytes alone tell a repeat, unless they may be anybody's. Counted twice, it would hide one that is missing.
    whose = source == "http" or (dead.producer_id and dead.seq is not None)
    place = "" if whose else f"{record.place}\n{record.offset}\n"
    return int.from_bytes(hashlib.blake2b(place.encode() + record.body, digest_size=8).digest(), "big")


def _of(dead: DeadLetter, source: str) -> tuple[Any, ...]:
    record = dead.record
    return (
        dead.reason,
        # A text that is cut out of a bad record may hold half a character.
        dead.detail.encode("utf-8", "replace").decode(),
        source,
        record.place,
        record.offset,
        dead.producer_id,
        dead.seq,
        record.body,
    )


def _letter(row: dict[str, Any]) -> Letter:
    record = Record(row["log_place"], row["log_offset"], base64.b64decode(row["body"]))
    return Letter(
        row["dead_letter_id"],
        row["received_at"],
        row["source"],
        row["app"],
        DeadLetter(record, row["reason"], row["detail"], row["producer_id"], row["seq"]),
        row["decided_at"],
        bool(row["replayed"]),
    )
