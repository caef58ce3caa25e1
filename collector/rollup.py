"""Touched minutes → call_minutes, call_hours, loss_ledger: recomputed from de-duplicated facts, never added to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from store.connection import Store
from store.errors import StoreUnavailable
from store.sql import load

log = logging.getLogger(__name__)

_MINUTES_A_STATEMENT = 240


class RollUp:
    """The work list of touched minutes, and the statements that rebuild them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._touched: set[datetime] = set()
        self._lock = threading.Lock()

    def touch(self, minutes: Iterable[datetime]) -> None:
        """Facts of these minutes were inserted and acknowledged; the next `rebuild` covers them."""
        with self._lock:
            self._touched.update(minutes)

    def recover(self, overlap: timedelta = timedelta(minutes=15)) -> None:
        """Put minutes back on the list whose facts were stored but perhaps not rolled up before the last stop."""
        found = self._store.query(load("collector", "unrolled_minutes"), {"overlap": int(overlap.total_seconds())})
        self.touch(row[0] for row in found.rows)

    def rebuild(self) -> int:
        """Rebuild every touched minute and its hour; returns how many minutes. Raises StoreUnavailable."""
        with self._lock:
            minutes, self._touched = sorted(self._touched), set()
        try:
            for start in range(0, len(minutes), _MINUTES_A_STATEMENT):
                self._rebuild(minutes[start : start + _MINUTES_A_STATEMENT])
        except StoreUnavailable:
            self.touch(minutes)
            raise
        return len(minutes)

    def run(self, stop: threading.Event, every_s: float) -> None:
        """Rebuild about every `every_s` seconds until `stop` is set, and once more then."""
        self.recover()
        stopping = False
        while not stopping:
            stopping = stop.wait(every_s)
            try:
                self.rebuild()
            except StoreUnavailable as error:
                log.warning("roll-up waits for the store: %s", error)

    def _rebuild(self, minutes: list[datetime]) -> None:
        hours = sorted({minute.replace(minute=0) for minute in minutes})
        bounds = {"first": minutes[0], "after": minutes[-1] + timedelta(minutes=1)}
        self._store.execute(load("collector", "roll_up_minutes"), {"minutes": minutes, **bounds})
        self._store.execute(load("collector", "roll_up_ledger"), {"minutes": minutes, **bounds})
        self._store.execute(load("collector", "roll_up_hours"), {"hours": hours})
