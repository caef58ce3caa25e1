"""What travels from a source to the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

Reason = Literal[
    "oversized",
    "malformed_json",
    "wrong_type",
    "unknown_schema_version",
    "future_timestamp",
    "ancient_timestamp",
    "refused_by_store",
]

SPANS: Final = "otlp"
"""The place of records that the format of spans wrote: what it found wrong with one it says in the field `problem`."""


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of one event and their place in the log: `place` is topic/partition or the name of an intake."""

    place: str
    offset: int
    body: bytes


class Line(NamedTuple):
    """One JSON object for one table, and the record that it came from."""

    json: bytes
    record: Record


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot become a row, and the closed reason why."""

    record: Record
    reason: Reason
    detail: str
    producer_id: str = ""
    seq: int | None = None


@dataclass(slots=True)
class Batch:
    """Decoded records: JSON lines that are ready to be inserted, each with the record that it came from.

    `lines` are calls, `reports` what producers say of themselves, `minutes` the UTC minutes that the calls touch.
    """

    lines: list[Line] = field(default_factory=list)
    minutes: set[datetime] = field(default_factory=set)
    reports: list[Line] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the records of one chunk: how many are stored, reports included, and what was refused."""

    stored: int
    refused: Sequence[DeadLetter] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that were read together. `acknowledge` is called once, from any thread, when all of them are safe.

    `handed_in` is when the oldest of them came into the log or the intake, in seconds since 1970; None if not known.
    """

    records: Sequence[Record]
    acknowledge: Callable[[Outcome], None]
    handed_in: float | None = None


class Source(Protocol):
    """Where records come from. `read`, `idle` and `close` are called from one thread.

    A chunk that was never acknowledged is delivered again, by this source or by its successor.
    """

    name: str

    def read(self) -> Chunk | None:
        """The next records; waits about a second for them and returns None when there are none."""

    def waiting(self) -> int | None:
        """How many records wait to be read, as far as it is known; None until it is. From any thread."""

    def unknown_s(self) -> float:
        """For how many seconds it has not been known what waits, 0 while it is; from any thread."""

    def away_s(self) -> float:
        """For how many seconds what it reads from has not answered, 0 while it does; from any thread."""

    def away_reason(self) -> str:
        """What to do about that once it takes longer than a restart, or about another reason why nothing can be read;
        empty when there is none. From any thread.
        """

    def idle(self) -> None:
        """Called about every second while the last chunk is still being stored; must return soon."""

    def close(self) -> None:
        """Leave; what is acknowledged by now is never delivered again."""
