from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from emitted import STARTED, call_ids, files, last_report, open_spool, read
from hypothesis import given
from hypothesis import strategies as st
from tokentide import delivery as module
from tokentide.backlog import Backlog
from tokentide.delivery import LONGEST_PAUSE_S, MAX_RECORDS, REPORT_EVERY_S, Delivery, pause_s
from tokentide.spool import Spool
from tokentide.transports.transport import TransportRejected, TransportUnavailable


class FarSide:
    """Does what `refuse` says, which raises or not."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.sends = 0
        self.refuse: Callable[[Sequence[bytes]], None] = lambda records: None

    def send(self, records: Sequence[bytes], timeout_s: float) -> None:
        self.sends += 1
        self.refuse(records)
        self.records += records

    def close(self) -> None: ...

    def forget(self) -> None: ...


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    """A delivery with a clock and a far side in the test's hands."""

    def __init__(
        self, folder: Path, *, queue_size: int = 100, queue_bytes: int = 1 << 30, spool_bytes: int = 1 << 30
    ) -> None:
        self.folder = folder
        self.far_side, self.clock = FarSide(), Clock()
        self.queue = Backlog(queue_size, queue_bytes)
        spool = Spool(folder, spool_bytes, max_age_s=1e6)
        self.delivery = Delivery(
            self.queue,
            self.far_side,
            spool,
            read,
            app="shop",
            clock=self.clock,
            now=lambda: STARTED,
            jitter=lambda: 1.0,
        )

    def emit(self, *attempts: str) -> None:
        for attempt in attempts:
            self.queue.put(attempt, 1)

    def report(self) -> dict[str, Any]:
        self.far_side.refuse = lambda records: None
        self.delivery.finish(math.inf, closed=False)
        return last_report(self.far_side.records)


def away(records: Sequence[bytes]) -> None:
    raise TransportUnavailable("away")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "spool")


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    module._said.clear()


def test_events_are_delivered_in_order_with_gapless_numbers(bench: Bench) -> None:
    bench.emit("a", "b", "c")
    assert bench.delivery.step() is False
    assert call_ids(bench.far_side.records) == ["a", "b", "c"]
    assert b'"seq":3' in bench.far_side.records[2]
    assert bench.delivery.producer_id.encode() in bench.far_side.records[2]


def test_a_batch_is_bounded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, queue_size=5000)
    bench.emit(*map(str, range(2500)))
    assert bench.delivery.step() is True
    assert len(bench.far_side.records) == MAX_RECORDS - 1


def test_while_the_far_side_is_away_events_wait_on_disk_and_then_come_oldest_first(bench: Bench) -> None:
    bench.far_side.refuse = away
    bench.emit("a", "b")
    bench.delivery.step()
    bench.emit("c")
    bench.delivery.step()
    assert bench.far_side.sends == 1
    assert files(bench.folder)
    bench.far_side.refuse = lambda records: None
    bench.clock.seconds = 0.5
    bench.delivery.step()
    assert call_ids(bench.far_side.records) == ["a", "b", "c"]
    bench.delivery.step()
    bench.clock.seconds = 100
    bench.delivery.step()
    assert files(bench.folder) == []
    assert bench.report()["dropped"] == {}


def test_retry_after_is_honoured(bench: Bench) -> None:
    def busy(records: Sequence[bytes]) -> None:
        raise TransportUnavailable("busy", 60.0)

    bench.far_side.refuse = busy
    bench.emit("a")
    for second in range(60):
        bench.clock.seconds = float(second)
        bench.delivery.step()
    assert bench.far_side.sends == 1
    bench.clock.seconds = 60.0
    bench.delivery.step()
    assert bench.far_side.sends == 2


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_pause_grows_to_a_limit_and_half_of_it_is_random(failures: int, jitter: float) -> None:
    assert 0.25 <= pause_s(failures, jitter) <= LONGEST_PAUSE_S
    assert pause_s(failures, 0) == pause_s(failures, 1) / 2
    assert pause_s(failures, jitter) <= pause_s(failures + 1, jitter)


def test_one_refused_event_does_not_keep_the_others_back(bench: Bench) -> None:
    def picky(records: Sequence[bytes]) -> None:
        if any(b'"bad' in record for record in records):
            raise TransportRejected("400")

    bench.far_side.refuse = picky
    good = [f"good-{number}" for number in range(50)]
    bench.emit(*good[:20], "bad-1", *good[20:], "bad-2")
    bench.delivery.step()
    assert call_ids(bench.far_side.records) == good
    assert bench.report()["dropped"] == {"rejected": 2}


def test_refused_events_of_another_producer_are_not_counted_as_ones_own(tmp_path: Path) -> None:
    open_spool(tmp_path).append([read("foreign", "somebody else", 1).to_json()])

    def never(records: Sequence[bytes]) -> None:
        raise TransportRejected("400")

    bench = Bench(tmp_path)
    bench.far_side.refuse = never
    bench.emit("mine")
    bench.delivery.step()
    bench.delivery.step()
    assert bench.report()["dropped"] == {"rejected": 1}
    assert call_ids(bench.far_side.records) == []


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
    bench = Bench(tmp_path / "spool", spool_bytes=400)
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


def test_what_a_full_spool_does_not_take_is_counted_when_the_process_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=400)
    bench.far_side.refuse = away
    bench.emit(*"abcdef")
    bench.delivery.finish(math.inf, closed=True)
    bench.far_side.refuse = lambda records: None
    bench.clock.seconds = 60
    bench.delivery.step()
    kept = call_ids(bench.far_side.records)
    assert 0 < len(kept) < 6
    assert bench.report()["dropped"] == {"spool_full": 6 - len(kept)}


def test_memory_stays_bounded_when_there_is_neither_a_far_side_nor_a_spool(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", spool_bytes=0, queue_size=20)
    bench.far_side.refuse = away
    for turn in range(100):
        bench.clock.seconds = 20.0 * turn
        bench.emit(*map(str, range(10)))
        bench.delivery.step()
        bench.delivery.finish(math.inf, closed=False)
    assert len(bench.delivery._in_hand) <= MAX_RECORDS
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


def test_a_slow_far_side_gets_the_spool_while_the_queue_goes_to_disk(bench: Bench) -> None:
    def slow(records: Sequence[bytes]) -> None:
        bench.clock.seconds += 1
        bench.emit(*map(str, range(45)))

    bench.far_side.refuse = slow
    bench.emit("first")
    for _ in range(50):
        bench.delivery.step()
    bench.far_side.refuse = lambda records: None
    while bench.delivery.step() or files(bench.folder):
        bench.clock.seconds += 60
    assert bench.report()["dropped"] == {}
    assert len(call_ids(bench.far_side.records)) == bench.report()["emitted"]


def test_an_end_that_has_no_time_counts_what_it_could_not_read(bench: Bench) -> None:
    bench.emit("a", "b")
    bench.delivery.take_over(0)
    other = Bench(bench.folder)
    other.delivery.step()
    assert call_ids(other.far_side.records) == []
    assert last_report(other.far_side.records)["dropped"] == {"exit": 2}


def test_a_transport_that_fails_in_a_way_of_its_own_counts_as_away(bench: Bench) -> None:
    def broken(records: Sequence[bytes]) -> None:
        raise ZeroDivisionError

    bench.far_side.refuse = broken
    bench.emit("a")
    bench.delivery.step()
    bench.far_side.refuse = lambda records: None
    bench.clock.seconds = 60
    bench.delivery.step()
    assert call_ids(bench.far_side.records) == ["a"]


def test_a_report_comes_when_something_changed_and_its_time_has_come(bench: Bench) -> None:
    bench.emit("a")
    bench.delivery.step()
    assert len(bench.far_side.records) == 1
    bench.clock.seconds = REPORT_EVERY_S
    bench.delivery.step()
    report = last_report(bench.far_side.records)
    assert (report["emitted"], report["app"], report["closed"]) == (1, "shop", False)
    bench.clock.seconds = 3 * REPORT_EVERY_S
    bench.delivery.step()
    assert len(bench.far_side.records) == 2
    bench.delivery.hook_errors += 1
    bench.delivery.step()
    assert last_report(bench.far_side.records)["hook_errors"] == 1


def test_a_slow_far_side_does_not_let_the_queue_run_over(bench: Bench) -> None:
    def slow(records: Sequence[bytes]) -> None:
        bench.clock.seconds += 5
        bench.emit(*map(str, range(90)))

    bench.far_side.refuse = slow
    bench.emit("first")
    bench.delivery.step()
    assert bench.far_side.sends == 1
    assert len(bench.queue) == 90
    bench.far_side.refuse = lambda records: None
    assert len(call_ids(bench.far_side.records)) == 1
    bench.delivery.take_over(1)
    assert len(bench.queue) == 0


def test_finish_sends_nothing_after_the_deadline(bench: Bench) -> None:
    bench.emit("a")
    bench.clock.seconds = 10
    assert bench.delivery.finish(9.0, closed=True) is True
    assert bench.far_side.sends == 0
    assert files(bench.folder)


def test_finish_says_when_something_could_not_be_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, spool_bytes=0)
    bench.far_side.refuse = away
    bench.emit("a")
    assert bench.delivery.finish(math.inf, closed=False) is False
