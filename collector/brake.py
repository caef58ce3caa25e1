"""When nearly everything fails the reader is at fault, not the records: then nothing more becomes a dead letter."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.record import DeadLetter

# What failed longer ago says nothing about what runs now.
_RECENT: Final = timedelta(minutes=10)
_LONGEST_S: Final = 60.0
# How msgspec names a field; behind `attributes` it writes three dots in the place of the key.
_PATH: Final = re.compile(r" - at (?:`key` in )?`(\$[\w.\[\]]*)`\Z|\AObject missing required field `(\w+)`\Z")


@dataclass(frozen=True, slots=True)
class _Passed:
    at: datetime
    records: int
    dead: int


class Brake:
    """Says of each chunk whether it may pass.

    It holds a chunk when at least the share `limit` of its own records and of the last `least` records of ten minutes
    are dead letters; fewer records than that never hold anything. Once it holds, only a chunk whose own share is below
    the limit passes. A `limit` of 1 holds nothing. `paused_reason` says why it holds, and is empty while all passes.
    """

    def __init__(self, limit: float, least: int = 1_000, first_wait_s: float = 5.0) -> None:
        self._limit = limit
        self._least = least
        self._first_wait_s = first_wait_s
        self._passed: deque[_Passed] = deque()
        self._records = 0  # of all chunks in it
        self.paused_reason = ""

    def holds(self, records: int, letters: Sequence[DeadLetter], now: datetime) -> bool:
        """Whether a chunk of `records`, of which `letters` are dead, must wait. It is asked again after `wait_s`."""
        if self._limit >= 1 or len(letters) < self._limit * records:
            return False
        if not self.paused_reason and not self._nearly_all_failed(records, len(letters), now):
            return False
        self.paused_reason = _why(letters, records)
        return True

    def passed(self, records: int, dead: int, now: datetime) -> None:
        """A chunk is safe: take note of it, and hold nothing any longer."""
        self.paused_reason = ""
        if self._limit >= 1 or not records:
            return
        self._passed.append(_Passed(now, records, dead))
        self._records += records
        while self._records - self._passed[0].records >= self._least:
            self._records -= self._passed.popleft().records

    def wait_s(self, tries: int) -> float:
        """How long to wait after a chunk was held `tries` times in a row: twice as long each time, up to a minute."""
        return min(self._first_wait_s * 2.0 ** min(tries - 1, 20), _LONGEST_S)

    def _nearly_all_failed(self, records: int, dead: int, now: datetime) -> bool:
        """Over this chunk and just as many chunks before it as make up `least` records."""
        for chunk in reversed(self._passed):
            if records >= self._least or now - chunk.at > _RECENT:
                break
            records += chunk.records
            dead += chunk.dead
        return records >= self._least and dead >= self._limit * records


def _why(letters: Sequence[DeadLetter], records: int) -> str:
    """The commonest reason, where one of them is, and what to do: nothing of an event, for logs and /readyz show it."""
    ((reason, count),) = Counter(letter.reason for letter in letters).most_common(1)
    example = next(letter for letter in letters if letter.reason == reason)
    return (
        f"{len(letters)} of {records} records cannot become rows, {count} of them are {reason}, "
        f"such as {example.record.place} offset {example.record.offset}{_field(example)}. They stay in the log and "
        "nothing is lost: correct what sends them or the setting, or start a collector that can read them; with "
        "collector.dead_letter_limit at 1 they become dead letters"
    )


def _field(letter: DeadLetter) -> str:
    """The field that is wrong, where one is: the rest of the detail may quote the record."""
    found = _PATH.search(letter.detail) if letter.reason == "wrong_type" else None
    return f" at {found[1] or '$.' + found[2]}" if found else ""
