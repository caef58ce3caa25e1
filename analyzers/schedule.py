"""Which windows are due, and the clockwork that analyzes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from analyzers import NO_BUDGETS, load_analyzers
from analyzers.analyzer import Analyzer, Measurement, Window, write
from analyzers.budget.config import BudgetsConfig
from analyzers.config import AnalyzersConfig
from store.connection import Store
from store.errors import StoreError
from store.sql import load

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
log = logging.getLogger("tokentide.analyzers")


def due_windows(
    last_end: datetime | None, now: datetime, every: timedelta, delay: timedelta, catch_up: timedelta
) -> list[Window]:
    """The windows of length `every`, aligned to it, that are complete at `now - delay` and not analyzed yet.

    They follow each other from `last_end` without a gap or an overlap, but begin no earlier than `catch_up` ago.
    """
    after = _aligned(now - delay, every)
    start = _aligned(now - delay - catch_up, every)
    if last_end is not None:
        start = max(start, _aligned(last_end, every))
    return [Window(start + n * every, start + (n + 1) * every) for n in range((after - start) // every)]


class Schedule:
    """The enabled analyzers, and up to where each has analyzed. Each analyzer is used by one thread at a time."""

    def __init__(self, store: Store, config: AnalyzersConfig, budgets: BudgetsConfig = NO_BUDGETS) -> None:
        self.analyzers = load_analyzers(config, budgets)
        self._store = store
        self._delay = timedelta(seconds=config.delay_s)
        self._catch_up = timedelta(seconds=config.catch_up_s)
        self._last_ends: dict[str, datetime] = {}

    def advance(self, analyzer: Analyzer, now: datetime) -> list[Measurement]:
        """Analyze and store every window of `analyzer` that is due; returns what was measured.

        A failure is logged and ends this turn; the next one begins with the window that failed.
        """
        measured: list[Measurement] = []
        try:
            for window in due_windows(self._last_end(analyzer), now, analyzer.every, self._delay, self._catch_up):
                found = analyzer.analyze(self._store, window, now)
                write(self._store, analyzer.name, found, now)
                measured += found
                self._last_ends[analyzer.name] = window.end
        except StoreError as error:
            log.error("the analyzer %s failed, it tries again at its next turn: %s", analyzer.name, error.plain)
        except Exception:
            log.exception("the analyzer %s failed, it tries again at its next turn", analyzer.name)
        return measured

    def _last_end(self, analyzer: Analyzer) -> datetime | None:
        if analyzer.name in self._last_ends:
            return self._last_ends[analyzer.name]
        stored: datetime | None = self._store.query(
            load("analyzers", "last_window_end"), {"analyzer": analyzer.name}
        ).scalar()
        return stored


def run_once(store: Store, config: AnalyzersConfig, now: datetime) -> list[Measurement]:
    """Analyze everything that is due at `now`; returns what was measured. Raises EmbedderError."""
    schedule = Schedule(store, config)
    return [one for analyzer in schedule.analyzers for one in schedule.advance(analyzer, now)]


def run(
    store: Store,
    config: AnalyzersConfig,
    stop: threading.Event,
    clock: Callable[[], datetime],
    budgets: BudgetsConfig = NO_BUDGETS,
) -> None:
    """Analyze what is due now and then at the end of each window, until `stop` is set. Raises EmbedderError."""
    schedule = Schedule(store, config, budgets)
    scheduler = BackgroundScheduler(timezone=timezone.utc)
    for analyzer in schedule.analyzers:
        scheduler.add_job(
            lambda analyzer=analyzer: schedule.advance(analyzer, clock()),
            IntervalTrigger(
                seconds=int(analyzer.every.total_seconds()), start_date=_EPOCH + timedelta(seconds=config.delay_s)
            ),
            name=analyzer.name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    for analyzer in schedule.analyzers:
        schedule.advance(analyzer, clock())
    scheduler.start()
    try:
        stop.wait()
    finally:
        scheduler.shutdown(wait=True)


def _aligned(instant: datetime, every: timedelta) -> datetime:
    return _EPOCH + (instant - _EPOCH) // every * every
