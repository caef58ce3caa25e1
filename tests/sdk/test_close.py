"""The end of a producer while other threads go on: every event is delivered, spooled or counted, and only once."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from emitted import call_ids, calls, eventually, last_report, read, spooled
from tokentide import process_end
from tokentide.call import LLMCall
from tokentide.config import Settings, load
from tokentide.emitter import Emitter
from tokentide.transports.memory import MemoryTransport


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({}, spool_dir=tmp_path / "spool", transport="memory")


def every_event_has_one_fate(found: Sequence[bytes]) -> None:
    """By the last report of each producer, all of which are closed."""
    numbers: dict[str, set[int]] = {}
    for call in calls(found):
        numbers.setdefault(call["producer_id"], set()).add(call["seq"])
    reports = {report["producer_id"]: report for report in map(json.loads, found) if report.get("closed")}
    assert numbers.keys() <= reports.keys()
    for producer, report in reports.items():
        assert len(numbers.get(producer, ())) + sum(report["dropped"].values()) == report["emitted"]


def test_two_threads_that_close_at_once_close_a_worker_each(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As threads of the app do that emit while the process ends."""
    other = threading.Thread(target=lambda: emitter.close(30))

    class Shared(MemoryTransport):
        def renewed(self) -> MemoryTransport:
            """Both get here before one of them goes on."""
            if threading.current_thread() is not other:
                other.start()
                assert may_go_on.wait(30)
            return self

    def reading(attempt: Any, producer_id: str, seq: int) -> LLMCall:
        may_go_on.set()
        if threading.current_thread() is other:
            assert both_close.wait(30)
        return read(attempt, producer_id, seq)

    may_go_on, both_close = threading.Event(), threading.Event()
    emitter = Emitter(settings, Shared(settings), reading)
    emitter._worker.put("a", 1)
    emitter._worker.put("b", 1)
    emitter.close(30)
    both_close.set()
    other.join()
    found = spooled(settings)
    assert call_ids(found) == ["a", "b"]
    assert sum(b'"closed":true' in record for record in found) == 1
    every_event_has_one_fate(found)


@pytest.mark.parametrize("by", ["the worker", "who closes"])
def test_an_event_that_comes_after_the_end_of_its_worker_has_a_fate(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(process_end, "threads_may_start", by == "the worker")
    transport = MemoryTransport(settings)

    def weigh(attempt: str) -> int:
        """The thread that emits has its worker already and waits here."""
        if attempt == "late" and emitter._worker is first:
            emitter.close(30)
        return 1

    emitter = Emitter(settings, transport, read, weigh=weigh)
    first = emitter._worker
    first.put("early", 1)
    first.start()
    emitter.emit("late")
    emitter.close(30)
    found = [*transport.records, *spooled(settings)]
    assert call_ids(found) == ["early", "late"]
    every_event_has_one_fate(found)


def test_an_event_that_comes_after_the_last_look_has_a_fate(settings: Settings) -> None:
    has_its_worker, last_look_is_over = threading.Event(), threading.Event()

    def weigh(attempt: str) -> int:
        if attempt == "late" and threading.current_thread() is late:
            has_its_worker.set()
            assert last_look_is_over.wait(30)
        return 1

    class Watched(MemoryTransport):
        def send(self, records: Sequence[bytes], timeout_s: float) -> None:
            super().send(records, timeout_s)
            if b'"closed":true' in records[-1]:
                last_look_is_over.set()
                late.join()

    transport = Watched(settings)
    emitter = Emitter(settings, transport, read, weigh=weigh)
    late = threading.Thread(target=emitter.emit, args=["late"])
    emitter.emit("early")
    late.start()
    assert has_its_worker.wait(30)
    emitter.close(30)
    emitter.close(30)
    assert call_ids(transport.records) == ["early", "late"]
    every_event_has_one_fate(transport.records)


def test_an_event_that_the_last_report_counts_as_dropped_stays_so(settings: Settings) -> None:
    """Threads may put their events in any order of the numbers."""
    transport = MemoryTransport(settings)
    emitter = Emitter(settings, transport, read)
    first = emitter._worker
    numbers = iter([2, 1])
    first._queue._numbers = numbers  # type: ignore[assignment]
    emitter.emit("early")
    emitter.close(30)
    first.put("late", 1)
    first.pass_on()
    emitter.close(30)
    assert call_ids(transport.records) == ["early"]
    every_event_has_one_fate(transport.records)


def test_ctrl_c_while_the_last_events_are_read_costs_one_of_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_end, "threads_may_start", False)

    def reading(attempt: str, producer_id: str, seq: int) -> LLMCall:
        if attempt == "b":
            signal.raise_signal(signal.SIGINT)
        return read(attempt, producer_id, seq)

    emitter = Emitter(settings, MemoryTransport(settings), reading)
    for attempt in "abc":
        emitter._worker.put(attempt, 1)
    with pytest.raises(KeyboardInterrupt):
        emitter.close(30)
    found = spooled(settings)
    assert call_ids(found) == ["a", "c"]
    assert last_report(found)["dropped"] == {"unreadable": 1}
    every_event_has_one_fate(found)


def test_ctrl_c_for_the_second_time_while_the_end_waits_loses_nothing(settings: Settings) -> None:
    came: SimpleQueue[None] = SimpleQueue()

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        came.get(timeout=30)

    def handler(number: int, frame: object) -> None:
        came.put(None)
        raise KeyboardInterrupt

    def reading(attempt: str, producer_id: str, seq: int) -> LLMCall:
        """The worker reads, while the main thread waits: first for the worker, then for this one event."""
        if attempt == "a":
            eventually(lambda: emitter._closed is not None and bool(emitter._closed._requests))
            interrupt()
            eventually(lambda: first.delivery.hand.taken_over)
            interrupt()
        return read(attempt, producer_id, seq)

    emitter = Emitter(settings, MemoryTransport(settings), reading)
    first = emitter._worker
    before = signal.signal(signal.SIGINT, handler)
    try:
        emitter.emit("a")
        emitter.emit("b")
        with pytest.raises(KeyboardInterrupt):
            emitter.close(60)
    finally:
        signal.signal(signal.SIGINT, before)
    found = spooled(settings)
    assert call_ids(found) == ["a", "b"]
    every_event_has_one_fate(found)
