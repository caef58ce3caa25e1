"""Whatever is dropped is counted, by its reason, and told."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from delivery_bench import Bench, away
from emitted import call_ids, files, last_report, open_spool, read
from tokentide import notices
from tokentide.hand import REPORT_BYTES
from tokentide.transports.transport import MAX_RECORDS


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "spool")


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    notices._said.clear()


def test_what_fell_out_of_the_queue_is_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, queue_size=10)
    bench.emit(*map(str, range(25)))
    report = bench.report()
    assert (report["emitted"], report["dropped"]) == (25, {"overflow": 15})
    assert call_ids(bench.far_side.records) == [str(number) for number in range(15, 25)]


def test_numbers_that_come_out_of_order_are_no_loss(bench: Bench) -> None:
    bench.queue._items.extend([(2, "b", 1), (1, "a", 1), (3, "c", 1)])
    report = bench.report()
    assert (report["emitted"], report["dropped"]) == (3, {})


def test_an_attempt_that_cannot_be_read_is_counted(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.emit("a", "unreadable", "b", "unreadable")
    with caplog.at_level(logging.WARNING):
        bench.delivery.step()
    assert call_ids(bench.far_side.records) == ["a", "b"]
    assert bench.report()["dropped"] == {"unreadable": 2}
    assert len(caplog.records) == 1


def test_what_a_full_spool_does_not_take_waits_in_memory(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=400 + REPORT_BYTES)
    bench.far_side.refuse = away
    bench.emit(*"abcdef")
    bench.delivery.step()
    bench.emit(*"ghi")
    bench.delivery.step()
    assert len(files(bench.folder)) == 1
    assert len(bench.queue) == 3
    bench.far_side.refuse = lambda records: None
    bench.clock.seconds = 60
    for _ in range(3):
        bench.delivery.step()
    assert sorted(call_ids(bench.far_side.records)) == list("abcdefghi")
    assert bench.report()["dropped"] == {}


def test_what_waits_in_memory_is_counted_when_the_process_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=400 + REPORT_BYTES)
    bench.far_side.refuse = away
    bench.emit(*"abcdef")
    bench.delivery.step()
    bench.delivery.finish(math.inf, closed=True)
    bench.delivery.close()
    found = open_spool(bench.folder).batch(10, 10_000)
    report = last_report(found)
    assert (report["closed"], report["emitted"]) == (True, 6)
    assert report["dropped"] == {"spool_full": 6 - len(call_ids(found))}


def test_what_a_full_spool_does_not_take_is_counted_when_the_process_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=400 + REPORT_BYTES)
    bench.far_side.refuse = away
    bench.emit(*"abcdef")
    bench.delivery.finish(math.inf, closed=True)
    bench.far_side.refuse = lambda records: None
    bench.clock.seconds = 60
    bench.delivery.step()
    kept = call_ids(bench.far_side.records)
    assert 0 < len(kept) < 6
    assert bench.report()["dropped"] == {"spool_full": 6 - len(kept)}


def test_the_report_says_how_many_wait_on_disk(bench: Bench) -> None:
    bench.far_side.refuse = away
    bench.emit("a", "b", "c")
    bench.delivery.step()
    bench.clock.seconds = 60
    assert bench.report()["spooled"] == 3
    bench.delivery.step()
    bench.delivery.step()
    bench.emit("d")
    assert bench.report()["spooled"] == 0


def test_memory_stays_bounded_when_there_is_neither_a_far_side_nor_a_spool(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=0, queue_size=20)
    bench.far_side.refuse = away
    for turn in range(100):
        bench.clock.seconds = 20.0 * turn
        bench.emit(*map(str, range(10)))
        bench.delivery.step()
        bench.delivery.finish(math.inf, closed=False)
    assert len(bench.delivery.hand.records) <= MAX_RECORDS
    bench.clock.seconds += 60
    dropped = bench.report()["dropped"]
    bench.delivery.step()
    assert dropped == {"overflow": 1000 - 10 - 20}
    assert len(call_ids(bench.far_side.records)) == 30


def test_calls_that_keep_too_many_bytes_are_counted_as_overflow(tmp_path: Path) -> None:
    bench = Bench(tmp_path, queue_bytes=100)
    for number in range(15):
        bench.queue.put(str(number), 10)
    report = bench.report()
    assert call_ids(bench.far_side.records) == [str(number) for number in range(10)]
    assert (report["emitted"], report["dropped"]) == (15, {"overflow": 5})
    bench.queue.put("next", 100)
    assert bench.report()["emitted"] == 16
    assert call_ids(bench.far_side.records)[-1] == "next"


def test_what_was_in_the_spool_for_too_long_is_counted_and_not_sent(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool")
    bench.far_side.refuse = away
    bench.emit("a", "b")
    bench.delivery.step()
    for path in files(bench.folder):
        path.rename(path.with_name("000" + path.name[3:]))
    bench.delivery.close()
    bench.clock.seconds = 60
    bench.far_side.refuse = lambda records: None
    bench.delivery.step()
    assert bench.report()["dropped"] == {"expired": 2}
    bench.delivery.step()
    assert call_ids(bench.far_side.records) == []
    assert files(bench.folder) == []


def test_what_is_damaged_in_the_spool_is_counted(bench: Bench) -> None:
    bench.far_side.refuse = away
    bench.emit("a", "b", "c")
    bench.delivery.step()
    (segment,) = files(bench.folder)
    segment.write_bytes(segment.read_bytes().replace(b'"b"', b'"x"'))
    bench.clock.seconds = 60
    bench.far_side.refuse = lambda records: None
    bench.delivery.step()
    bench.delivery.step()
    assert call_ids(bench.far_side.records) == ["a", "c"]
    assert bench.report()["dropped"] == {"spool_damaged": 1}


def test_an_end_that_has_no_time_counts_what_it_could_not_read(bench: Bench) -> None:
    bench.emit("a", "b")
    bench.delivery.hand.take_over(0)
    other = Bench(bench.folder)
    other.delivery.step()
    assert call_ids(other.far_side.records) == []
    assert last_report(other.far_side.records)["dropped"] == {"exit": 2}


def test_an_end_without_time_and_without_place_counts_what_it_has_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=REPORT_BYTES)

    def slow(*more: Any) -> Any:
        bench.clock.seconds += 1
        return read(*more)

    monkeypatch.setattr(bench.delivery.hand, "_read", slow)
    bench.emit(*"abcdef")
    bench.delivery.hand.take_over(2.5)
    report = last_report(open_spool(bench.folder).batch(100, 1 << 20))
    assert (report["emitted"], report["dropped"]) == (6, {"spool_full": 3, "exit": 3})


def test_finish_says_when_something_could_not_be_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, spool_bytes=0)
    bench.far_side.refuse = away
    bench.emit("a")
    assert bench.delivery.finish(math.inf, closed=False) is False


def test_flush_does_not_say_yes_when_something_fell_out(tmp_path: Path) -> None:
    small = Bench(tmp_path / "small", queue_size=5)
    small.emit(*"abcdefgh")
    assert small.delivery.finish(math.inf, closed=False) is False
    assert last_report(small.far_side.records)["dropped"] == {"overflow": 3}
    tight = Bench(tmp_path / "tight", queue_bytes=0)
    tight.emit("a")
    assert tight.delivery.finish(math.inf, closed=False) is False
    report = last_report(tight.far_side.records)
    assert (report["emitted"], report["dropped"]) == (1, {"overflow": 1})


@pytest.mark.parametrize("ends", ["finish", "take_over"])
def test_the_report_of_what_a_full_spool_did_not_take_has_room_in_it(tmp_path: Path, ends: str) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=400 + REPORT_BYTES)
    bench.far_side.refuse = away
    bench.emit(*"abcdef")
    if ends == "finish":
        bench.delivery.finish(math.inf, closed=True)
        bench.delivery.close()
    else:
        bench.delivery.hand.take_over(1.0)
    found = open_spool(bench.folder).batch(100, 1 << 20)
    report = last_report(found)
    assert (report["emitted"], report["closed"]) == (6, True)
    assert sum(report["dropped"].values()) + len(call_ids(found)) == 6


def test_a_read_that_ends_the_thread_is_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def deadly(*_: Any) -> Any:
        raise SystemExit

    bench.emit("a", "b")
    with monkeypatch.context() as patched:
        patched.setattr(bench.delivery.hand, "_read", deadly)
        with pytest.raises(SystemExit):
            bench.delivery.step()
    bench.delivery.step()
    assert call_ids(bench.far_side.records) == ["b"]
    assert bench.report()["dropped"] == {"unreadable": 1}


def test_an_answer_that_takes_long_to_read_does_not_take_the_others_with_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slow(attempt: Any, *more: Any) -> Any:
        if attempt == "slow":
            reading.set()
            go_on.wait(30)
        return read(attempt, *more)

    monkeypatch.setattr(bench.delivery.hand, "_read", slow)
    bench.emit("a", "slow", "b")
    worker = threading.Thread(target=bench.delivery.step)
    worker.start()
    assert reading.wait(30)
    bench.delivery.hand.take_over(1.0)
    go_on.set()
    worker.join()
    found = open_spool(bench.folder).batch(100, 1 << 20)
    assert call_ids(found) == ["a", "b"]
    assert (last_report(found)["emitted"], last_report(found)["dropped"]) == (3, {"exit": 1})
    assert bench.far_side.records == []


def test_nothing_is_logged_while_others_may_wait_for_the_worker(bench: Bench) -> None:
    free: list[bool] = []

    class Watching(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            free.append(bench.delivery.hand.lock.acquire(blocking=False))
            bench.delivery.hand.lock.release()

    handler = Watching()
    logging.getLogger("tokentide").addHandler(handler)
    try:
        bench.far_side.refuse = away
        bench.emit("a", "unreadable")
        bench.delivery.step()
    finally:
        logging.getLogger("tokentide").removeHandler(handler)
    assert free == [True, True]


def test_what_was_not_kept_is_counted_at_the_end_though_another_event_comes_late(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", queue_bytes=10)

    def late(records: Sequence[bytes]) -> None:
        bench.far_side.refuse = lambda records: None
        bench.queue.put("too large", 11)
        bench.emit("late")

    bench.far_side.refuse = late
    bench.emit("a")
    bench.delivery.finish(math.inf, closed=True)
    report = last_report(bench.far_side.records)
    assert (report["emitted"], report["dropped"]) == (2, {"overflow": 1})
    assert not bench.delivery.account.tells_of(3)
