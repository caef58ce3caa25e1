"""What another thread may do with the records in hand: spool them for a flush, or take all of them over at the end."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from delivery_bench import Bench, away
from emitted import call_ids, eventually, files, last_report, open_spool, read, spooled
from tokentide import notices
from tokentide.call import LLMCall
from tokentide.config import load
from tokentide.emitter import Emitter
from tokentide.hand import REPORT_BYTES
from tokentide.segment import START_BYTES, line
from tokentide.transports.memory import MemoryTransport
from tokentide.transports.transport import TransportRejected


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "spool")


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    notices._said.clear()


@pytest.mark.parametrize("answers", [True, False])
def test_what_a_far_side_keeps_waiting_is_in_the_spool_once(bench: Bench, answers: bool) -> None:
    def late(records: Sequence[bytes]) -> None:
        bench.emit("c")
        bench.delivery.hand.keep(1.0)
        bench.far_side.refuse = (lambda records: None) if answers else away
        bench.far_side.refuse(records)

    bench.far_side.refuse = late
    bench.emit("a", "b")
    assert bench.delivery.finish(math.inf, closed=False) is True
    assert call_ids(bench.far_side.records) == (["a", "b"] if answers else [])
    bench.delivery.close()
    assert call_ids(open_spool(bench.folder).batch(10, 1 << 20)) == ["a", "b", "c"]


def test_what_is_refused_after_it_was_spooled_is_counted_once(bench: Bench) -> None:
    def never(records: Sequence[bytes]) -> None:
        bench.delivery.hand.keep(1.0)
        raise TransportRejected("400")

    bench.far_side.refuse = never
    bench.emit("a", "b")
    bench.delivery.step()
    bench.delivery.step()
    assert bench.report()["dropped"] == {"rejected": 2}


def test_who_takes_over_need_not_wait_for_a_flush(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = threading.Thread(target=bench.delivery.hand.take_over, args=[30.0])
    readers: list[threading.Thread] = []

    def read_while_it_ends(attempt: str, producer_id: str, seq: int) -> LLMCall:
        readers.append(threading.current_thread())
        if attempt == "a":
            ending.start()
            eventually(lambda: bench.delivery.hand._ends)
        return read(attempt, producer_id, seq)

    monkeypatch.setattr(bench.delivery.hand, "_read", read_while_it_ends)
    bench.emit("a", "b")
    bench.delivery.hand.keep(30.0)
    ending.join()
    assert readers == [threading.main_thread(), ending]
    assert call_ids(open_spool(bench.folder).batch(10, 1 << 20)) == ["a", "b"]


@pytest.mark.parametrize("ends", ["keep", "take_over"])
def test_what_was_refused_before_the_others_were_spooled_is_not_among_them(bench: Bench, ends: str) -> None:
    def refuse_the_first(records: Sequence[bytes]) -> None:
        if call_ids(records)[0] == "a":
            raise TransportRejected("400")
        getattr(bench.delivery.hand, ends)(1.0)
        away(records)

    bench.far_side.refuse = refuse_the_first
    bench.emit("a", "b")
    bench.delivery.step()
    bench.delivery.close()
    assert call_ids(open_spool(bench.folder).batch(10, 1 << 20)) == ["b"]
    assert bench.delivery.account.dropped() == 1


def test_a_worker_that_comes_late_leaves_to_the_other_what_that_has_taken_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = threading.Thread(target=bench.delivery.hand.take_over, args=[30.0])
    reads_last, worker_is_done = threading.Event(), threading.Event()

    def read_last_when_the_worker_is_done(attempt: str, producer_id: str, seq: int) -> LLMCall:
        if attempt == "c":
            reads_last.set()
            assert worker_is_done.wait(30)
        return read(attempt, producer_id, seq)

    def late(records: Sequence[bytes]) -> None:
        bench.emit("b", "c")
        ending.start()
        assert reads_last.wait(30)
        away(records)

    monkeypatch.setattr(bench.delivery.hand, "_read", read_last_when_the_worker_is_done)
    bench.far_side.refuse = late
    bench.emit("a")
    bench.delivery.finish(math.inf, closed=True)
    bench.delivery.close()
    worker_is_done.set()
    ending.join()
    found = open_spool(bench.folder).batch(10, 1 << 20)
    assert call_ids(found) == ["a", "b", "c"]
    assert (last_report(found)["emitted"], last_report(found)["dropped"]) == (3, {})


def test_what_a_full_spool_does_not_keep_is_sent(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=0)
    bench.far_side.refuse = lambda records: bench.delivery.hand.keep(1.0)
    bench.emit("a", "b")
    bench.delivery.step()
    assert call_ids(bench.far_side.records) == ["a", "b"]


def test_a_second_flush_while_the_far_side_waits_loses_nothing(bench: Bench) -> None:
    """The spool has room for one more each time."""
    size = len(line(read("a", bench.delivery.account.producer_id, 1).to_json()))

    def keep_one_more() -> None:
        used = sum(path.stat().st_size for path in files(bench.folder))
        bench.delivery._spool._max_bytes = max(used, START_BYTES) + START_BYTES + REPORT_BYTES + size
        bench.delivery.hand.keep(1.0)

    def late(records: Sequence[bytes]) -> None:
        bench.far_side.refuse = lambda records: None
        keep_one_more()
        bench.emit("c")
        keep_one_more()
        assert call_ids(bench.delivery.hand.records) == ["c"]

    bench.far_side.refuse = late
    bench.emit("a", "b")
    bench.delivery.step()
    bench.delivery.step()
    assert sorted(call_ids(bench.far_side.records)) == ["a", "a", "b", "b", "c"]


def test_a_takeover_keeps_the_last_events_with_the_report_about_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter may end the thread that takes over, at any step, while the process ends."""
    appends = 0
    append = bench.delivery._spool.append

    def end_the_thread_after_the_first(records: Sequence[bytes], reserved: int) -> int:
        nonlocal appends
        appends += 1
        if appends > 1:
            raise SystemExit
        return append(records, reserved)

    monkeypatch.setattr(bench.delivery._spool, "append", end_the_thread_after_the_first)
    bench.emit("a", "b")
    bench.delivery.hand.take_over(1)
    bench.delivery._spool.close()
    found = open_spool(bench.folder).batch(10, 10_000)
    assert call_ids(found) == ["a", "b"]
    assert (last_report(found)["closed"], last_report(found)["emitted"], last_report(found)["dropped"]) == (True, 2, {})


def test_a_takeover_counts_what_a_full_spool_does_not_take(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=3000)
    bench.emit(*map(str, range(20)))
    bench.delivery.hand.take_over(1)
    found = open_spool(bench.folder).batch(100, 100_000)
    report = last_report(found)
    assert report["closed"]
    assert 0 < len(call_ids(found)) < 20
    assert report["emitted"] == len(call_ids(found)) + report["dropped"]["spool_full"] == 20


def test_ctrl_c_as_an_event_leaves_the_queue_costs_that_one_and_is_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = bench.delivery.account.takes

    def take_and_stop(seq: int) -> None:
        takes(seq)
        signal.raise_signal(signal.SIGINT)

    bench.emit("a", "b")
    with monkeypatch.context() as patched:
        patched.setattr(bench.delivery.account, "takes", take_and_stop)
        with pytest.raises(KeyboardInterrupt):
            bench.delivery.hand.keep(1.0)
    report = bench.report()
    assert (report["emitted"], report["dropped"]) == (2, {"unreadable": 1})
    assert call_ids(bench.far_side.records) == ["b"]


def test_ctrl_c_as_a_flush_gets_the_lock_does_not_keep_it(bench: Bench) -> None:
    def stop_when_it_is_held(frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_globals["__name__"] != "tokentide.hand":
            return None
        if bench.delivery.hand.lock.locked():
            raise KeyboardInterrupt
        return stop_when_it_is_held

    before = sys.gettrace()
    sys.settrace(stop_when_it_is_held)
    try:
        with pytest.raises(KeyboardInterrupt):
            bench.delivery.hand.keep(1.0)
    finally:
        sys.settrace(before)
    assert not bench.delivery.hand.lock.locked()


def test_ctrl_c_while_the_end_waits_for_the_far_side_loses_nothing(tmp_path: Path) -> None:
    settings = load({}, spool_dir=tmp_path, transport="memory")
    may_end = threading.Event()

    class Waiting(MemoryTransport):
        def send(self, records: Sequence[bytes], timeout_s: float) -> None:
            eventually(lambda: emitter._closed is not None and bool(emitter._closed._requests))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            may_end.wait(30)
            away(records)

    emitter = Emitter(settings, Waiting(settings), read)
    emitter.emit("a")
    emitter.emit("b")
    with pytest.raises(KeyboardInterrupt):
        emitter.close(60)
    found = spooled(settings)
    may_end.set()
    assert call_ids(found) == ["a", "b"]
    assert (last_report(found)["closed"], last_report(found)["dropped"]) == (True, {})
