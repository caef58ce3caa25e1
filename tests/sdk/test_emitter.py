from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from emitted import call_ids, calls, eventually, last_report, read, spooled
from loopback_intake import HANGING, LoopbackIntake, Reply
from tokentide import notices
from tokentide.config import Settings, load
from tokentide.emitter import Emitter
from tokentide.hooks._texts import Texts
from tokentide.transports import open_transport
from tokentide.transports.memory import MemoryTransport

Make = Callable[..., Emitter]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({}, spool_dir=tmp_path / "spool", transport="memory")


@pytest.fixture
def make(settings: Settings) -> Iterator[Make]:
    """Makes emitters that are closed after the test."""
    made: list[Emitter] = []

    def make_one(**changes: Any) -> Emitter:
        chosen = replace(settings, **changes)
        made.append(Emitter(chosen, open_transport(chosen), changes.pop("read", read)))
        return made[-1]

    yield make_one
    for emitter in made:
        emitter.close(0.2)


def records(emitter: Emitter) -> list[bytes]:
    assert isinstance(emitter.transport, MemoryTransport)
    return emitter.transport.records


def test_flush_delivers_everything_emitted_before_and_a_report(make: Make) -> None:
    emitter = make()
    for number in range(2_500):
        emitter.emit(str(number))
    assert emitter.flush(30) is True
    assert [call["seq"] for call in calls(records(emitter))] == list(range(1, 2_501))
    assert last_report(records(emitter))["emitted"] == 2_500


def test_events_arrive_without_a_flush(make: Make) -> None:
    emitter = make()
    emitter.emit("a")
    eventually(lambda: call_ids(records(emitter)) == ["a"])


def test_an_emitter_that_was_not_used_starts_no_thread_and_sends_nothing(make: Make) -> None:
    before = threading.active_count()
    emitter = make()
    assert emitter.flush(0) is True
    emitter.close()
    assert threading.active_count() == before
    assert records(emitter) == []


def test_close_says_so_and_later_events_start_a_new_producer(make: Make) -> None:
    emitter = make()
    emitter.emit("a")
    emitter.close()
    assert last_report(records(emitter))["closed"] is True
    emitter.emit("b")
    assert emitter.flush(30)
    first, second = calls(records(emitter))
    assert first["producer_id"] != second["producer_id"]
    assert (first["seq"], second["seq"]) == (1, 1)


def test_many_threads_get_gapless_numbers(make: Make) -> None:
    emitter = make()
    threads = [threading.Thread(target=lambda: [emitter.emit("x") for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert emitter.flush(30)
    assert sorted(call["seq"] for call in calls(records(emitter))) == list(range(1, 4_001))
    assert last_report(records(emitter))["dropped"] == {}


def test_hook_errors_are_reported_even_without_an_event_and_logged_once(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "_said", set())
    emitter = make()
    emitter.count_hook_error(told=True)
    assert emitter.flush()
    assert caplog.messages == []
    emitter.count_hook_error()
    emitter.count_hook_error()
    emitter.close()
    assert last_report(records(emitter))["hook_errors"] == 3
    assert [message.partition(":")[0] for message in caplog.messages] == ["steps of tokentide have failed"]


def test_a_failure_to_read_the_last_events_is_in_the_report_about_them(settings: Settings) -> None:
    def failing(attempt: Any, producer_id: str, seq: int) -> Any:
        eventually(lambda: emitter._worker is not first)
        emitter.count_hook_error(told=True)
        return read(attempt, producer_id, seq)

    emitter = Emitter(settings, open_transport(settings), failing)
    first = emitter._worker
    emitter.emit("a")
    emitter.close(30)
    assert (last_report(records(emitter))["closed"], last_report(records(emitter))["hook_errors"]) == (True, 1)
    assert emitter._worker.idle()


def test_a_worker_that_died_is_started_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)

    def deadly(attempt: Any, producer_id: str, seq: int) -> Any:
        if attempt == "deadly":
            raise SystemExit
        return read(attempt, producer_id, seq)

    emitter = Emitter(settings, open_transport(settings), deadly)
    emitter.emit("deadly")
    eventually(lambda: not emitter._worker.running)
    emitter.emit("a")
    assert emitter.flush(30) is False  # one is gone
    emitter.close()
    assert call_ids(records(emitter)) == ["a"]
    assert last_report(records(emitter))["dropped"] == {"unreadable": 1}


def test_a_burst_meets_an_intake_that_takes_long_and_nothing_is_lost(make: Make) -> None:
    with LoopbackIntake(lambda records: Reply(delay_s=0.1)) as intake:
        emitter = make(transport="http", endpoint=intake.endpoint)
        for number in range(20_000):
            emitter.emit(str(number))
        eventually(lambda: len(set(call_ids(intake.records))) == 20_000, 60)
        emitter.flush(30)
        assert last_report(intake.records)["dropped"] == {}


def test_events_survive_an_intake_that_comes_back_later(make: Make) -> None:
    with LoopbackIntake() as intake:
        pass
    emitter = make(transport="http", endpoint=intake.endpoint)
    emitter.emit("a")
    assert emitter.flush(30) is True
    emitter.emit("b")
    with LoopbackIntake(port=intake.port) as back:
        eventually(lambda: sorted(call_ids(back.records)) == ["a", "b"])
        emitter.close()


def test_a_busy_intake_is_left_alone_for_as_long_as_it_asks(make: Make) -> None:
    with LoopbackIntake(lambda records: Reply(503, retry_after="1")) as intake:
        emitter = make(transport="http", endpoint=intake.endpoint)
        emitter.emit("a")
        assert emitter.flush(30) is True
        emitter.emit("b")
        assert emitter.flush(30) is True
        assert len(intake.requests) == 1
        intake.reply = lambda records: Reply()
        eventually(lambda: sorted(call_ids(intake.records)) == ["a", "b"])


def test_flush_and_close_do_not_wait_for_an_intake_that_hangs(make: Make) -> None:
    with LoopbackIntake(lambda records: HANGING) as intake:
        emitter = make(transport="http", endpoint=intake.endpoint)
        emitter.emit("a")
        eventually(lambda: len(intake.requests) == 1)
        emitter.emit("b")
        assert emitter.flush(0.2) is False
        emitter.close(1.0)
        found = spooled(emitter._settings)
        assert call_ids(found) == ["a", "b"]
        assert last_report(found)["closed"] is True


def cannot_be_made(folder: Path) -> None:
    folder.write_text("in the way")


def cannot_be_searched(folder: Path) -> None:
    folder.symlink_to(folder)


def is_full(folder: Path) -> None:
    """Of a file system that takes names but no bytes; `Spool` sees the same."""


@pytest.mark.parametrize("spoil", [cannot_be_made, cannot_be_searched, is_full])
def test_without_a_spool_events_wait_in_memory_for_the_far_side(
    make: Make, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "spool")
    with LoopbackIntake() as intake:
        pass
    emitter = make(transport="http", endpoint=intake.endpoint, spool_max_bytes=0 if spoil is is_full else 1 << 30)
    emitter.emit("a")
    assert emitter.flush(1) is False
    emitter.emit("b")
    with LoopbackIntake(port=intake.port) as back:
        eventually(lambda: call_ids(back.records) == ["a", "b"])
        assert emitter.flush(30)
        assert last_report(back.records)["dropped"] == {}


def test_emit_takes_no_lock_after_the_first_event(make: Make) -> None:
    emitter = make()
    emitter.emit("a")
    assert emitter.flush(30)
    with emitter._worker._starting, emitter._worker.delivery.hand.lock:
        emitter.emit("b")
    assert emitter.flush(30)
    assert call_ids(records(emitter)) == ["a", "b"]


def test_memory_is_bounded_while_the_far_side_is_away(make: Make) -> None:
    with LoopbackIntake() as intake:
        pass
    emitter = make(transport="http", endpoint=intake.endpoint, queue_size=50)
    for number in range(500):
        emitter.emit(str(number))
        assert emitter._worker.queued() <= 50
    emitter.close()
    found = spooled(emitter._settings)
    assert len(call_ids(found)) + last_report(found)["dropped"].get("overflow", 0) == 500


@pytest.mark.parametrize("kind", [Exception, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["flush", "read", "mask"])
def test_a_time_limit_of_the_app_ends_a_flush(settings: Settings, place: str, kind: type[BaseException]) -> None:
    """As a task queue sets one, with a signal, or Ctrl-C. One that comes while a call is read costs that call."""

    class OutOfTime(kind): ...

    def limit(number: int, frame: Any) -> None:
        raise OutOfTime

    def interrupted(where: str) -> None:
        if where == place and threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGUSR1)

    def mask(text: str) -> str:
        interrupted("mask")
        return text

    texts = Texts(replace(settings, mask=mask), lambda: None)

    def reading(attempt: Any, producer_id: str, seq: int) -> Any:
        interrupted("read")
        texts.prompt("x", "masked")
        return read(attempt, producer_id, seq)

    def clock() -> float:
        interrupted("flush")
        return time.monotonic()

    emitter = Emitter(settings, open_transport(settings), reading, clock=time.monotonic)
    emitter._worker.running = True  # so that no thread is started and the flush reads itself
    emitter.emit("a")
    emitter._clock = clock
    before = signal.signal(signal.SIGUSR1, limit)
    try:
        with pytest.raises(OutOfTime):
            emitter.flush(1)
    finally:
        signal.signal(signal.SIGUSR1, before)
        emitter._worker.running = False
    assert emitter._worker.delivery.account.dropped() == (0 if place == "flush" else 1)


def test_flush_may_be_told_to_wait_for_ever(make: Make) -> None:
    emitter = make()
    emitter.emit("a")
    assert emitter.flush(float("inf")) is True
