from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from hypothesis import given
from hypothesis import strategies as st

from analyzers.analyzer import Window
from analyzers.config import AnalyzersConfig
from analyzers.schedule import Schedule, due_windows, run, run_once
from store.connection import Store
from store.errors import QueryError
from store.sql import parse

MINUTE = timedelta(minutes=1)
CONFIG = AnalyzersConfig(enabled=["cost", "rate_limits"], delay_s=0, catch_up_s=600)
WINDOWS = parse(
    "windows",
    "-- windows\nSELECT DISTINCT window_start FROM measurements FINAL WHERE analyzer = 'cost' ORDER BY window_start",
)
instants = st.integers(0, 365 * 86400).map(lambda seconds: NOW + timedelta(seconds=seconds))
lengths = st.integers(1, 7200).map(lambda seconds: timedelta(seconds=seconds))


@given(instants, st.lists(st.integers(0, 7200), min_size=1), lengths, st.integers(0, 120))
def test_windows_follow_each_other_without_gap_or_overlap(
    now: datetime, steps: list[int], every: timedelta, delay: int
) -> None:
    seen: list[Window] = []
    catch_up = timedelta(hours=5)
    for step in steps:
        now += timedelta(seconds=step)
        last_end = seen[-1].end if seen else None
        seen += due_windows(last_end, now, every, timedelta(seconds=delay), catch_up)
    assert all(window.end - window.start == every for window in seen)
    assert all(one.end == following.start for one, following in pairwise(seen))
    assert all(window.end <= now - timedelta(seconds=delay) for window in seen)
    assert not seen or now - timedelta(seconds=delay) - seen[-1].end < every


@given(instants, lengths, st.integers(0, 10_000).map(lambda seconds: timedelta(seconds=seconds)))
def test_no_more_is_made_up_for_than_allowed(now: datetime, every: timedelta, catch_up: timedelta) -> None:
    windows = due_windows(now - timedelta(days=30), now, every, timedelta(0), catch_up)
    assert len(windows) <= catch_up // every + 1


def test_windows_are_aligned_whenever_the_program_starts() -> None:
    (window,) = due_windows(None, NOW + timedelta(seconds=59), MINUTE, timedelta(0), MINUTE)
    assert window == Window(NOW - MINUTE, NOW)


def test_everything_that_is_due_is_analyzed_and_a_restart_continues(store: Store) -> None:
    collect(store, a_call(started_at=NOW - 5 * MINUTE), a_call(started_at=NOW - 2 * MINUTE))
    assert {one.window.start for one in run_once(store, CONFIG, NOW)} == {NOW - 5 * MINUTE, NOW - 2 * MINUTE}
    collect(store, a_call(started_at=NOW - 4 * MINUTE), a_call(started_at=NOW))
    assert {one.window.start for one in run_once(store, CONFIG, NOW + MINUTE)} == {NOW}
    assert store.query(WINDOWS).rows == [(NOW - 5 * MINUTE,), (NOW - 2 * MINUTE,), (NOW,)]


def test_a_failing_analyzer_is_named_and_does_not_stop_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collect(store, a_call(started_at=NOW - MINUTE))
    schedule = Schedule(store, CONFIG)
    cost, rate_limits = schedule.analyzers

    def fail(*_: object) -> None:
        raise QueryError("no such column")

    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(cost, "analyze", fail)
        assert schedule.advance(cost, NOW) == []
    assert "the analyzer cost failed" in caplog.text
    assert schedule.advance(rate_limits, NOW)
    assert {one.window.start for one in schedule.advance(cost, NOW)} == {NOW - MINUTE}


def test_the_program_analyzes_until_it_is_stopped(store: Store) -> None:
    collect(store, a_call(started_at=NOW - MINUTE))
    stop = threading.Event()
    program = threading.Thread(target=run, args=(store, CONFIG, stop, lambda: NOW))
    program.start()
    try:
        deadline = time.monotonic() + 30
        while not store.query(WINDOWS).rows and time.monotonic() < deadline:
            stop.wait(0.05)
        assert store.query(WINDOWS).rows == [(NOW - MINUTE,)]
    finally:
        stop.set()
        program.join(30)
    assert not program.is_alive()


def test_the_program_runs_each_analyzer_again_for_its_next_window(store: Store) -> None:
    """The drift analyzer may run every second, so that the scheduler itself is seen at work."""
    config = AnalyzersConfig(enabled=["drift"], delay_s=0, catch_up_s=60, drift_every_s=1)
    asked: list[datetime] = []
    stop = threading.Event()

    def clock() -> datetime:
        asked.append(NOW + timedelta(seconds=len(asked)))
        if len(asked) == 3:
            stop.set()
        return asked[-1]

    program = threading.Thread(target=run, args=(store, config, stop, clock))
    program.start()
    program.join(30)
    assert not program.is_alive()
    assert len(asked) >= 3
