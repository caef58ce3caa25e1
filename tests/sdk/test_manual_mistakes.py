"""What an app says wrongly of a call: an error in its tests, and never one in production."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import tokentide
from emitted import calls as calls_in
from emitted import last_report
from loopback_intake import LoopbackIntake
from tokentide import manual, notices
from tokentide.testing import capture_calls

REALTIME: Any = {"provider": "openai", "model": "gpt-realtime", "operation": "realtime"}
BATCH_MADE_AT = datetime(2026, 11, 19, 8, 0, tzinfo=timezone.utc)


MISTAKES = {
    "a provider's own name for a count": lambda call: call.usage(prompt_tokens=1),
    "a negative count": lambda call: call.usage(input_tokens=-1),
    "a count that is no whole number": lambda call: call.usage(input_tokens=1.5),
    "a count that no call has": lambda call: call.usage(input_tokens=10**12 + 1),
    "a count that is a text": lambda call: call.usage(input_tokens="12"),
    "a name that there is not": lambda call: call.response(identifier="x"),
    "a text that is a list": lambda call: call.response(text=["secret"]),
    "a status that there is not": lambda call: call.error(status="bad"),
    "an HTTP status that there is not": lambda call: call.error(http_status=7),
}


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[LoopbackIntake]:
    """A process that records to a real intake, as in production."""
    monkeypatch.setattr(manual, "_said", set())
    with LoopbackIntake() as intake:
        tokentide.instrument("http", endpoint=intake.endpoint, spool_dir=tmp_path)
        try:
            yield intake
        finally:
            tokentide.uninstrument()


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_raises_in_tests(mistake: Any) -> None:
    with capture_calls(), tokentide.record(**REALTIME) as call, pytest.raises((ValueError, TypeError)):
        mistake(call)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_production_is_logged_once_and_counted_and_the_rest_is_recorded(
    mistake: Any, intake: LoopbackIntake, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with tokentide.record(**REALTIME) as call:
            call.usage(input_tokens=5, output_tokens=6)
            mistake(call)
    tokentide.uninstrument()
    assert [(call["input_tokens"], call["status"]) for call in calls_in(intake.records)] == [(5, "ok")] * 2
    assert last_report(intake.records)["hook_errors"] == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [{"started_at": BATCH_MADE_AT.replace(tzinfo=None)}, {"duration_ms": -1}, {"provider": 7}, {"prompt": b"x"}],
)
def test_a_call_that_is_described_wrongly_is_an_event_still(wrong: Any, intake: LoopbackIntake) -> None:
    with tokentide.record(**{**REALTIME, **wrong}) as call:
        call.usage(input_tokens=5, output_tokens=6)
    tokentide.uninstrument()
    (event,) = calls_in(intake.records)
    assert event["output_tokens"] == 6


def test_what_is_said_after_the_block_is_a_mistake(intake: LoopbackIntake) -> None:
    with tokentide.record(**REALTIME) as call:
        pass
    call.usage(input_tokens=1)
    with call:
        pass
    tokentide.uninstrument()
    assert len(calls_in(intake.records)) == 1
    assert last_report(intake.records)["hook_errors"] == 3


def test_nothing_happens_where_nothing_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    with tokentide.record(**REALTIME) as call:
        call.usage(nonsense=-1)
        call.first_token()
        call.response(text=7)  # type: ignore[arg-type]  # what a careless app may say
        call.error(status="bad")
    tokentide.cache_hit(provider="openai", model="gpt-5", input_tokens=1)
    assert caplog.records == []


def test_a_mask_that_fails_is_told_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Its failures end no recording."""

    def failing(text: str) -> str:
        raise ZeroDivisionError(text)

    monkeypatch.setattr(notices, "_said", set())
    with LoopbackIntake() as intake:
        tokentide.instrument("http", endpoint=intake.endpoint, spool_dir=tmp_path, mask=failing)
        try:
            with tokentide.record(**REALTIME) as call:
                call.response(text="secret")
            assert tokentide.flush(30)
        finally:
            tokentide.uninstrument()
    assert last_report(intake.records)["hook_errors"] == 1
    assert [message.partition(":")[0] for message in caplog.messages] == ["a text could not be masked and is left out"]


def test_a_time_limit_of_the_app_is_no_mistake(intake: LoopbackIntake) -> None:
    """It may come, with a signal, while something is said of a call."""

    class OutOfTime(Exception): ...

    class Interrupted:
        def __index__(self) -> int:
            signal.raise_signal(signal.SIGUSR1)
            return 1

    def limit(number: int, frame: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGUSR1, limit)
    try:
        with pytest.raises(OutOfTime), tokentide.record(**REALTIME) as call:
            call.usage(input_tokens=Interrupted())  # type: ignore[arg-type]  # what any library's whole number may be
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert tokentide.flush()
    assert [call["error_code"] for call in calls_in(intake.records)] == ["OutOfTime"]
