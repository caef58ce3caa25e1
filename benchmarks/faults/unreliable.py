"""Stores with one fault each, over the real one."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from store.connection import Store
from store.errors import StoreUnavailable
from store.sql import Query


class FailingStore(Store):
    """One write in five fails, the roll-up's too: either nothing of it happened, or all of it and only its answer is lost."""

    failures = 0
    _chance = random.Random(5)
    _drawing = threading.Lock()

    def insert_json(self, table: str, block: bytes, token: str = "") -> None:
        self._perhaps(lambda: super(FailingStore, self).insert_json(table, block, token))

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self._perhaps(lambda: super(FailingStore, self).insert(table, columns, rows))

    def execute(self, query: Query, parameters: Mapping[str, Any] | None = None) -> None:
        self._perhaps(lambda: super(FailingStore, self).execute(query, parameters))

    def _perhaps(self, write: Callable[[], None]) -> None:
        with self._drawing:
            fate = self._chance.randrange(10)
            type(self).failures += fate < 2
        if fate == 0:
            raise StoreUnavailable("this write was not done")
        write()
        if fate == 1:
            raise StoreUnavailable("this write was done, but its answer was lost")


class SlowStore(Store):
    """Every insert of a block of at least `lines` lines takes `seconds` longer; `slow` counts them."""

    seconds = 0.0
    lines = 0
    slow = 0

    def insert_json(self, table: str, block: bytes, token: str = "") -> None:
        if block.count(b"\n") >= self.lines - 1:
            time.sleep(self.seconds)
            type(self).slow += 1
        super().insert_json(table, block, token)
