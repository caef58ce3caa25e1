"""Touched minutes → call_minutes, call_hours, loss_ledger: recomputed from de-duplicated facts, never added to."""

from __future__ import annotations

import heapq
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from collector.second_hand import settle
from store.connection import Store
from store.errors import StoreError
from store.retention import kept_since
from store.sql import load

log = logging.getLogger(__name__)

_MINUTES_A_STATEMENT: Final = 240
UNCERTAIN: Final = timedelta(minutes=15)
"""What was stored so shortly before a roll-up it has perhaps not seen."""
# Who starts cannot know when others looked last. Collectors that run look often, and commands look before they roll up.
_SINCE_NOBODY_LOOKED: Final = timedelta(hours=3)
LOOK_EVERY_S: Final = 900.0
"""So often a collector that runs looks for what others have left that were killed."""
_LONGEST_DELAY_S: Final = 30.0
# What is in hand when a program stops is safe by then, unless the store is in trouble.
_LAST_FACTS_S: Final = 30.0
# A minute is rebuilt from all of its facts. Where records wait for their insert the roll-up rests four times as long as
# it works, so that they are not held up; where none do, a report is to have them soon.
_REST_WHILE_BEHIND: Final = 4.0
_REST: Final = 0.5

_STAGES: Final = (
    ("roll_up_ledger", "forget_ledger", "roll_up_minutes", "forget_minutes"),
    ("roll_up_hours", "forget_hours"),
)


def rest_s(worked_s: float, every_s: float, is_behind: bool) -> float:
    """Seconds to wait after a roll-up that took `worked_s`: until `every_s` have gone by, and in proportion to it."""
    return max(every_s - worked_s, worked_s * (_REST_WHILE_BEHIND if is_behind else _REST))


def count_duplicates(store: Store) -> float:
    """How many records arrived again after they were stored; not a number while the store does not answer."""
    try:
        return float(store.query(load("collector", "duplicates")).scalar())
    except StoreError:
        return math.nan


def touch_again(store: Store) -> None:
    """After a stop of so many days that touches may be gone, touch all minutes that facts came for shortly before it.

    For a program that starts, before anything is rolled up: how old the newest roll-up is tells how long the stop was.
    Raises StoreError.
    """
    store.execute(load("collector", "touch_again"))


def roll_up_what_is_left(store: Store, overlap: timedelta = UNCERTAIN) -> None:
    """Roll up what was touched since it was, or `overlap` before that: for commands. Raises StoreError."""
    work = RollUp(store)
    work.recover(overlap)
    while work.rebuild():
        pass


class RollUp:
    """The work list of touched minutes, and the statements that rebuild them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._touched: set[datetime] = set()
        self._lock = threading.Lock()
        self._carriers = 0
        self._carried = threading.Condition()
        self._looked_at: float | None = None

    def touch(self, minutes: Iterable[datetime]) -> None:
        """Facts of these minutes were inserted and acknowledged; the next `rebuild` covers them."""
        with self._lock:
            self._touched.update(minutes)

    @contextmanager
    def carrying(self) -> Iterator[None]:
        """Until the block ends facts may be inserted: the last rebuild of `run` waits for that."""
        with self._carried:
            self._carriers += 1
        try:
            yield
        finally:
            with self._carried:
                self._carriers -= 1
                self._carried.notify_all()

    def recover(self, overlap: timedelta = UNCERTAIN) -> None:
        """Put minutes back on the list whose facts were stored but perhaps not rolled up before the last stop.

        To be done before anything is rolled up, for how old the newest roll-up is tells when the stop was.
        """
        now, within = time.monotonic(), _SINCE_NOBODY_LOOKED
        if self._looked_at is not None:
            within = timedelta(seconds=now - self._looked_at) + overlap
        asked = {"overlap": int(overlap.total_seconds()), "within": int(within.total_seconds())}
        found = self._store.query(load("collector", "unrolled_minutes"), asked)
        self.touch(row[0] for row in found.rows)
        if overlap:
            self._looked_at = now

    def rebuild(self) -> int:
        """Rebuild the newest touched minutes, as many as one statement takes, and their hours; returns how many.

        Raises StoreError; the minutes then stay on the list.
        """
        with self._lock:
            minutes = sorted(heapq.nlargest(_MINUTES_A_STATEMENT, self._touched))
            self._touched.difference_update(minutes)
        if not minutes:
            return 0
        try:
            # Calls that others tell of better are marked first, which may concern further minutes.
            since = kept_since(self._store)
            whole = _whole({*minutes, *settle(self._store, _whole(minutes, since))}, since)
            if whole:
                self._rebuild(whole)
        except StoreError:
            self.touch(minutes)
            raise
        return len(minutes)

    def run(
        self,
        stop: threading.Event,
        every_s: float,
        is_behind: Callable[[], bool] = lambda: False,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Rebuild about every `every_s` seconds until `stop` is set, and once more then; less often while behind.

        What is left of a backlog is found at the next start. What another collector leaves that is killed is found
        within `look_every_s`, for that one may start again when nothing tells any more what it had left.
        """
        stopping, failed = False, False
        delay = every_s
        while not stopping:
            if stopping := stop.wait(delay):
                self._wait_for_the_last_facts()
            began = time.monotonic()
            try:
                if failed:
                    self.recover(timedelta())
                self._look(look_every_s)
                failed = False
                while self.rebuild() == _MINUTES_A_STATEMENT and not stop.is_set():
                    self._look(look_every_s)  # a backlog: minutes that no insert touches again
                delay = rest_s(time.monotonic() - began, every_s, is_behind())
            except StoreError as error:
                delay = min(2 * delay, _LONGEST_DELAY_S)
                failed = True
                when = "at the next start" if stopping else f"in {delay:.0f} s"
                log.warning("the roll-up tries again %s: %s", when, error.plain)
        if self._touched:
            log.info("%d minutes are left to roll up at the next start", len(self._touched))

    def _look(self, every_s: float) -> None:
        if self._looked_at is None or time.monotonic() - self._looked_at >= every_s:
            self.recover()

    def _wait_for_the_last_facts(self) -> None:
        with self._carried:
            self._carried.wait_for(lambda: self._carriers == 0, timeout=_LAST_FACTS_S)

    def _rebuild(self, minutes: list[datetime]) -> None:
        """Each stage takes its version before it reads, so that of several collectors the newest version has seen most.

        The hours come last, so that an hour as new as its minutes tells that the rebuild was finished.
        """
        touched: dict[str, Any] = {
            "minutes": minutes,
            "hours": sorted({minute.replace(minute=0) for minute in minutes}),
        }
        bounds = {"first": minutes[0], "after": minutes[-1] + timedelta(minutes=1)}
        for stage in _STAGES:
            version = self._store.query(load("collector", "next_version"), touched).scalar()
            offered = touched | bounds | {"version": version}
            for name in stage:
                query = load("collector", name)
                self._store.execute(query, {parameter: offered[parameter] for parameter in query.parameters})


def _whole(minutes: Iterable[datetime], since: datetime) -> list[datetime]:
    """Those of `minutes` of which no fact has been removed: the totals of the others must stay as they are."""
    kept = sorted(minute for minute in minutes if minute >= since)
    if late := len(set(minutes)) - len(kept):
        log.warning("%d minutes before %s are not rolled up again: their calls are no longer kept", late, since)
    return kept
