"""Where imported events go: into the store, to the intake of the tokentide that owns it, or through the checks only."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import httpx

from collector.decode import Decoder
from collector.record import Batch, DeadLetter, Record
from collector.rollup import RollUp
from collector.write import Writer
from server.config import ConfigError
from server.remote import Remote
from store.connection import Store
from store.errors import StoreUnavailable
from store.migrate import created_at

PLACE: Final = "import"
_LONGEST_WAIT_S: Final = 30.0
_MOST_TRIES: Final = 20
_AGAIN: Final = "run the import again, nothing is counted twice"

Wait = Callable[[float], None]
Clock = Callable[[], datetime]


@dataclass(slots=True)
class Taken:
    """What became of some events: how many are stored, and how many are refused, by reason."""

    stored: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def events(self) -> int:
        """How many there were."""
        return self.stored + self.refused.total()

    def add(self, other: Taken) -> None:
        """Count `other` as well."""
        self.stored += other.stored
        self.refused.update(other.refused)


class Target(Protocol):
    """Something that takes events; when `take` returns they are safe. `name` tells it from every other target."""

    @property
    def name(self) -> str:
        """Where events go; a store that was emptied has another name than before."""

    def take(self, events: Sequence[bytes], first: int = 0) -> Taken:
        """What became of them. `first` events of the file came before: with that a dead letter is known again.

        Raises ConfigError, StoreError.
        """

    def finish(self, shown: Callable[[int], object]) -> None:
        """Do what is left at the end; `shown` is told now and then how many minutes of it are left."""

    def close(self) -> None:
        """Let go of the store, if it was opened."""


class Checks:
    """Takes nothing: says what the collector's checks would let pass."""

    name = "checks"

    def __init__(self, decoder: Decoder, clock: Clock) -> None:
        self._decoder = decoder
        self._clock = clock

    def take(self, events: Sequence[bytes], first: int = 0) -> Taken:
        """What would become of them."""
        batch = self.decoded(events, first)
        return Taken(len(batch.lines) + len(batch.reports), _by_reason(batch.dead_letters))

    def decoded(self, events: Sequence[bytes], first: int) -> Batch:
        """The events after the checks."""
        return self._decoder.decode([Record(PLACE, first + n, event) for n, event in enumerate(events)], self._clock())

    def finish(self, shown: Callable[[int], object]) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Nothing was opened."""


class IntoStore:
    """Stores events as a collector does and rolls them up at the end, with what a killed import may have left.

    Where a collector waits while `trouble()` says what is wrong with the store's disk, an import ends.
    """

    def __init__(
        self, store: Store, decoder: Decoder, clock: Clock, wait: Wait, trouble: Callable[[], str] = lambda: ""
    ) -> None:
        self._store = store
        self._clock = clock
        self._trouble = trouble
        self._checks = Checks(decoder, clock)
        self._writer = Writer(store, PLACE, uuid.uuid4().hex, _never_stops(wait), random.random)
        self._roll_up = RollUp(store)

    @property
    def name(self) -> str:
        """The database, and when it was created."""
        return f"{self._store.dsn}/{self._store.database} of {created_at(self._store)}"

    def take(self, events: Sequence[bytes], first: int = 0) -> Taken:
        """What became of them; waits while the store does not answer."""
        self._stop_in_trouble()
        batch = self._checks.decoded(events, first)
        outcome = self._writer.write(batch, self._clock())
        self._roll_up.touch(batch.minutes)
        return Taken(outcome.stored, _by_reason(outcome.refused))

    def finish(self, shown: Callable[[int], object]) -> None:
        """Roll up every minute that was touched."""
        self._stop_in_trouble()
        self._roll_up.recover()
        done = 0
        while rebuilt := self._roll_up.rebuild():
            done += rebuilt
            shown(done)
            self._stop_in_trouble()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _stop_in_trouble(self) -> None:
        if trouble := self._trouble():
            raise StoreUnavailable(f"{trouble}; what was imported is kept: {_AGAIN}")


class OverHttp:
    """Hands events to the intake of a running tokentide, at the pace that it asks for."""

    def __init__(self, remote: Remote, token: str, wait: Wait) -> None:
        self._remote = remote
        self._token = token
        self._wait = wait

    @property
    def name(self) -> str:
        """The address; which store is behind it nobody says here."""
        return self._remote.url

    def take(self, events: Sequence[bytes], first: int = 0) -> Taken:
        """What became of them; where they are too many at once, in halves."""
        answer = self._answer(b"\n".join(events))
        if answer.status_code == 413:
            if len(events) == 1:
                return Taken(0, Counter({"oversized": 1}))
            middle = len(events) // 2
            taken = self.take(events[:middle])
            taken.add(self.take(events[middle:]))
            return taken
        if answer.status_code == 401:
            raise ConfigError(
                f"{self._remote.url} asks senders for a token: name the file that has it with --token-file"
            )
        if answer.status_code != 200:
            raise ConfigError(
                f"{self._remote.url} refuses the events (status {answer.status_code}): {answer.text[:300]}"
            )
        return _taken(answer, len(events))

    def finish(self, shown: Callable[[int], object]) -> None:
        """The running tokentide rolls up by itself."""

    def close(self) -> None:
        """Nothing was opened."""

    def _answer(self, body: bytes) -> httpx.Response:
        delay = 1.0
        for _ in range(_MOST_TRIES):
            try:
                answer = self._remote.send("/v1/events", body, self._token)
            except httpx.HTTPError as error:
                trouble, asked = str(error), ""
            else:
                if answer.status_code not in (408, 429, 502, 503, 504):
                    return answer
                trouble, asked = f"status {answer.status_code}", answer.headers.get("retry-after", "")
            self._wait(min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else delay)
            delay = min(2 * delay, _LONGEST_WAIT_S)
        raise ConfigError(f"{self._remote.url} takes no events ({trouble}): {_AGAIN}")


def _taken(answer: httpx.Response, sent: int) -> Taken:
    """What the intake says; an older one counts its dead letters without a reason."""
    try:
        said: dict[str, Any] = answer.json()
        stored, dead = int(said["stored"]), int(said["dead_letters"])
        reasons = Counter({str(reason): int(count) for reason, count in said.get("reasons", {}).items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{answer.url} does not answer as tokentide's intake does: correct --server") from error
    if stored + dead != sent:
        raise ConfigError(f"{answer.url} says nothing about {sent - stored - dead} events: {_AGAIN}")
    if unnamed := dead - reasons.total():
        reasons["refused"] += unnamed
    return Taken(stored, reasons)


def _by_reason(dead_letters: Iterable[DeadLetter]) -> Counter[str]:
    return Counter(dead.reason for dead in dead_letters)


def _never_stops(wait: Wait) -> Callable[[float], bool]:
    def waited(seconds: float) -> bool:
        wait(seconds)
        return False

    return waited


sleep: Final[Wait] = time.sleep
