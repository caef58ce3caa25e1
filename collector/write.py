"""Batch → tables. When `write` returns, every record of the batch is stored or is a dead letter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from collector.dead_letter_topic import DeadLetterTopic, TopicAway
from collector.dead_letters import DeadLetters
from collector.decode import sender
from collector.record import Batch, DeadLetter, Line, Outcome
from collector.setbacks import Setbacks
from store.connection import Store
from store.errors import DataRefused, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

_Done = TypeVar("_Done")


class Stopped(Exception):
    """The program was told to stop while a batch could not be stored; nothing of the batch may be acknowledged."""


class Held(Exception):
    """So much of a batch would become dead letters that none may: nothing of it may be acknowledged."""


def _never(letters: Sequence[DeadLetter]) -> bool:
    return False


class Writer:
    """Writes batches of one source. `wait(seconds)` returns True when the program shall stop.

    `name` tells this writer from all others, ever: with the number of its batch it is the token by which the store
    recognises a block that is tried again. Dead letters go to the table, and to `topic` as well if there is one. While
    `trouble()` says what is wrong with the store, it is not asked. `setbacks` counts the tries in vain.
    """

    def __init__(
        self,
        store: Store,
        source: str,
        name: str,
        wait: Callable[[float], bool],
        jitter: Callable[[], float],
        topic: DeadLetterTopic | None = None,
        trouble: Callable[[], str] = lambda: "",
        setbacks: Setbacks | None = None,
    ) -> None:
        self._trouble = trouble
        self._setbacks = setbacks or Setbacks()
        self._store = store
        self._letters = DeadLetters(store)
        self._topic = topic
        self._source = source
        self._name = name
        self._wait = wait
        self._jitter = jitter
        self._batches = 0

    def write(self, batch: Batch, now: datetime, holds: Callable[[Sequence[DeadLetter]], bool] = _never) -> Outcome:
        """Insert everything; retries while the store cannot take it. Raises Stopped when told to stop meanwhile.

        A record is given up only when the store refuses its data; any other trouble of the store keeps the batch.
        `holds(letters)` is asked before anything becomes a dead letter: Held is raised when it says yes.
        """
        if batch.dead_letters and holds(batch.dead_letters):
            raise Held
        self._batches += 1
        name = f"{self._name}/{self._batches}"
        count = len(batch.lines) + len(batch.reports)
        answers: dict[str, str] = {}
        poisoned = self._until_done(lambda: insert(self._store, batch, name, answers), count)
        refused = [*batch.dead_letters, *poisoned]
        if poisoned and holds(refused):
            raise Held
        if refused:
            self._keep(refused, now)
        return Outcome(count - len(poisoned), refused)

    def _keep(self, letters: Sequence[DeadLetter], now: datetime) -> None:
        self._until_done(lambda: self._letters.keep(letters, self._source, now), len(letters))
        if topic := self._topic:
            self._until_done(lambda: topic.send(letters, now), len(letters))

    def _until_done(self, action: Callable[[], _Done], count: int) -> _Done:
        delay = 0.5
        while True:
            try:
                if trouble := self._trouble():
                    raise StoreUnavailable(trouble)
                done = action()
            except (StoreError, TopicAway) as error:
                self._setbacks.add()
                said = error.plain if isinstance(error, StoreError) else error
                log.warning("%d records kept, next try in about %.1f s: %s", count, delay, said)
                if self._wait(delay * (0.5 + self._jitter())):
                    raise Stopped from error
                delay = min(delay * 2, 30.0)
            else:
                self._setbacks.end()
                return done


def insert(store: Store, batch: Batch, name: str, answers: dict[str, str] | None = None) -> list[DeadLetter]:
    """Insert the calls and reports of `batch`, which is recognised by `name`, and return those that `store` refuses.

    Raises StoreError for any other trouble of the store; tried again with the same `answers`, it asks the store only
    what is not answered yet, so that a batch with bad records gets on even while many inserts fail.
    """
    answers = {} if answers is None else answers
    calls = _insert(store, "ingest", batch.lines, name, answers)
    return [*calls, *_insert(store, "producer_reports", batch.reports, name, answers)]


def _insert(
    store: Store, table: str, lines: Sequence[Line], name: str, answers: dict[str, str], first: int = 0
) -> list[DeadLetter]:
    """Insert `lines`; where the store refuses the data of a block, halve it until the bad records are found.

    `answers` holds by token what the store said: nothing when it took the block, else why not.
    """
    if not lines:
        return []
    token = f"{name}/{table}/{first}+{len(lines)}"
    if token not in answers:
        try:
            store.insert_json(table, b"\n".join(line.json for line in lines), token)
            answers[token] = ""
        except DataRefused as error:
            answers[token] = str(error)[:500]
    if not answers[token]:
        return []
    if len(lines) == 1:
        record = lines[0].record
        return [DeadLetter(record, "refused_by_store", answers[token], *sender(record.body))]
    middle = len(lines) // 2
    after = _insert(store, table, lines[middle:], name, answers, first + middle)
    return [*_insert(store, table, lines[:middle], name, answers, first), *after]
