"""From the queue to the far side: batches, pauses, the spool, reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from delivery_bench import Bench, away
from emitted import STARTED, call_ids, files, last_report, open_spool, read
from hypothesis import given
from hypothesis import strategies as st
from tokentide import notices
from tokentide.account import Account
from tokentide.backlog import Backlog
from tokentide.delivery import REPORT_EVERY_S
from tokentide.patience import LONGEST_PAUSE_S, pause_s
from tokentide.transports.transport import MAX_RECORDS, TransportRejected, TransportUnavailable


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "spool")


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    notices._said.clear()


def test_events_are_delivered_in_order_with_gapless_numbers(bench: Bench) -> None:
    bench.emit("a", "b", "c")
    assert bench.delivery.step() is False
    assert call_ids(bench.far_side.records) == ["a", "b", "c"]
    assert b'"seq":3' in bench.far_side.records[2]
    assert bench.delivery.account.producer_id.encode() in bench.far_side.records[2]


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
    bench.delivery.account.counts_hook_error(told=True)
    bench.delivery.step()
    assert last_report(bench.far_side.records)["hook_errors"] == 1


def test_the_newest_report_is_the_last_one_though_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = iter(
        [STARTED, STARTED - timedelta(minutes=30), STARTED - timedelta(minutes=29), STARTED + timedelta(hours=1)]
    )
    account = Account(Backlog(10, 1 << 20), open_spool(tmp_path), "shop", lambda: next(clock))
    told = [json.loads(account.report(closed=False))["reported_at"] for _ in range(4)]
    assert told == sorted(set(told))


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
    bench.delivery.hand.take_over(1)
    assert len(bench.queue) == 0


def test_finish_sends_nothing_after_the_deadline(bench: Bench) -> None:
    bench.emit("a")
    bench.clock.seconds = 10
    assert bench.delivery.finish(9.0, closed=True) is True
    assert bench.far_side.sends == 0
    assert files(bench.folder)
