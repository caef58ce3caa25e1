from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy
import pytest
import tokentide
from opentelemetry.sdk.trace import TracerProvider
from tokentide import manual
from tokentide.call import FIELDS, LLMCall
from tokentide.testing import capture_calls

REALTIME: Any = {"provider": "openai", "model": "gpt-realtime", "operation": "realtime"}
BATCH_MADE_AT = datetime(2026, 11, 19, 8, 0, tzinfo=timezone.utc)


def recorded(block: Any, **settings: Any) -> LLMCall:
    """The one event that `block` leaves behind."""
    with capture_calls(**settings) as calls:
        block()
    (only,) = calls
    return only


def test_a_block_is_one_event_with_what_was_said_of_it() -> None:
    def block() -> None:
        with tokentide.context(team="voice"), tokentide.record(**REALTIME) as call:
            call.first_token()
            call.usage(input_tokens=40, input_audio_tokens=30, output_tokens=20)
            call.response(id="resp_1", model="gpt-realtime-2026", finish_reason="stop")

    event = recorded(block, app="phone")
    assert (event.provider, event.model_requested, event.operation) == ("openai", "gpt-realtime", "realtime")
    assert (event.team, event.app, event.response_id, event.model_responded) == (
        "voice",
        "phone",
        "resp_1",
        "gpt-realtime-2026",
    )
    assert (event.input_tokens, event.input_audio_tokens, event.output_tokens, event.usage_source) == (
        40,
        30,
        20,
        "provider",
    )
    assert (event.status, event.stream, event.stream_outcome, event.finish_reason) == ("ok", True, "complete", "stop")
    assert 0 <= (event.time_to_first_token_ms or -1) <= event.duration_ms == event.operation_ms
    assert (event.attempt, event.is_final, event.cache_hit) == (1, True, False)


def test_an_async_block_is_one_event() -> None:
    async def block() -> None:
        async with tokentide.record(**REALTIME) as call:
            call.usage(input_tokens=1, output_tokens=2)

    assert recorded(lambda: asyncio.run(block())).output_tokens == 2


def test_calls_are_numbered_together_with_those_of_hooks_and_without_gaps() -> None:
    with capture_calls() as calls:
        for _ in range(3):
            tokentide.cache_hit(provider="openai", model="gpt-5")
    assert [call.seq for call in calls] == [1, 2, 3]
    assert len({(call.producer_id, call.sdk_version) for call in calls}) == 1
    assert len({call.call_id for call in calls}) == 3


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TimeoutError("slow"), "timeout"),
        (ConnectionResetError(), "network"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyError("x"), "unknown"),
    ],
)
def test_an_exception_is_the_outcome_and_goes_on_unchanged(error: BaseException, status: str) -> None:
    def block() -> None:
        with pytest.raises(type(error)) as raised, tokentide.record(**REALTIME):
            raise error
        assert raised.value is error

    event = recorded(block)
    assert (event.status, event.error_code, event.stream_outcome) == (status, type(error).__name__, "")


def test_a_generator_that_is_left_early_left_the_stream() -> None:
    def words() -> Iterator[str]:
        with tokentide.record(**REALTIME) as call:
            call.first_token()
            yield "When"

    def block() -> None:
        said = words()
        next(said)
        said.close()

    event = recorded(block)
    assert (event.status, event.stream_outcome, event.error_code) == ("ok", "abandoned", "")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"code": "rate_limit_exceeded", "http_status": 429}, ("rate_limited", 429, "rate_limit_exceeded")),
        ({"http_status": 503}, ("server_error", 503, "")),
        ({"code": "blocked", "status": "content_filter"}, ("content_filter", None, "blocked")),
        ({"code": TimeoutError()}, ("timeout", None, "TimeoutError")),
        ({"code": "weird"}, ("unknown", None, "weird")),
        ({}, ("unknown", None, "")),
    ],
)
def test_an_error_that_the_app_deals_with_is_the_outcome(said: dict[str, Any], outcome: tuple[Any, ...]) -> None:
    def block() -> None:
        with tokentide.record(**REALTIME) as call:
            call.error(**said)

    event = recorded(block)
    assert (event.status, event.http_status, event.error_code) == outcome


def test_numbers_of_other_libraries_are_numbers() -> None:
    def block() -> None:
        with tokentide.record(**REALTIME) as call:
            call.usage(input_tokens=numpy.int64(7), output_tokens=numpy.uint8(1))  # type: ignore[arg-type]  # as apps do
            call.error(http_status=numpy.int32(429))  # type: ignore[arg-type]  # likewise

    event = recorded(block)
    assert (event.input_tokens, event.output_tokens, event.http_status) == (7, 1, 429)


def test_the_span_around_the_block_is_that_of_the_call() -> None:
    tracer = TracerProvider().get_tracer("app")

    def block() -> None:
        call = tokentide.record(**REALTIME)
        with tracer.start_as_current_span("around") as span, call:
            spans.append(span.get_span_context().span_id)

    spans: list[int] = []
    assert recorded(block).span_id == f"{spans[0]:016x}"


def test_an_async_block_in_many_tasks_keeps_their_tags_apart() -> None:
    async def one(team: str) -> None:
        with tokentide.context(team=team):
            async with tokentide.record(**REALTIME) as call:
                await asyncio.sleep(0)
                call.usage(input_tokens=len(team), output_tokens=0)

    async def many() -> None:
        await asyncio.gather(*(one("x" * n) for n in range(1, 20)))

    with capture_calls() as calls:
        asyncio.run(many())
    assert sorted((len(call.team), call.input_tokens) for call in calls) == [(n, n) for n in range(1, 20)]


def test_a_result_of_a_batch_began_in_the_past_and_its_duration_is_not_known() -> None:
    def block() -> None:
        with tokentide.record(provider="openai", model="gpt-5", service_tier="batch", started_at=BATCH_MADE_AT) as call:
            call.usage(input_tokens=10, output_tokens=5)

    event = recorded(block)
    assert (event.started_at, event.service_tier, event.operation) == (BATCH_MADE_AT, "batch", "chat")
    assert (event.duration_ms, event.operation_ms) == (0.0, None)


def test_an_instant_of_another_time_zone_is_the_same_instant() -> None:
    elsewhere = BATCH_MADE_AT.astimezone(timezone(timedelta(hours=9)))

    def block() -> None:
        with tokentide.record(provider="openai", model="gpt-5", started_at=elsewhere, duration_ms=1500):
            pass

    event = recorded(block)
    assert (event.started_at, event.duration_ms, event.operation_ms) == (BATCH_MADE_AT, 1500.0, 1500.0)


def test_usage_that_is_said_in_parts_is_complete_in_the_end() -> None:
    def block() -> None:
        with tokentide.record(**REALTIME) as call:
            call.usage(input_tokens=10, output_tokens=None)
            call.usage(output_tokens=3)
            call.usage(output_tokens=4, estimated=True)

    event = recorded(block)
    assert (event.input_tokens, event.output_tokens, event.usage_source) == (10, 4, "estimated")


def test_a_call_without_both_counts_has_no_usage() -> None:
    def block() -> None:
        with tokentide.record(**REALTIME) as call:
            call.usage(input_tokens=10)

    assert recorded(block).usage_source == "missing"


def test_texts_are_kept_as_the_capture_policy_says() -> None:
    def block() -> None:
        with tokentide.record(**REALTIME, prompt="When does it come?") as call:
            call.response(text="In a week.")

    kept, left = recorded(block, content="full"), recorded(block, content="off")
    assert (kept.prompt, kept.response, kept.prompt_chars) == ("When does it come?", "In a week.", 18)
    assert (left.prompt, left.response, left.prompt_chars, left.prompt_hash) == ("", "", None, "")


def test_a_hit_of_the_apps_cache_is_an_event_of_its_own() -> None:
    event = recorded(lambda: tokentide.cache_hit(provider="openai", model="gpt-5", input_tokens=100, output_tokens=9))
    assert (event.cache_hit, event.status, event.usage_source) == (True, "ok", "provider")
    assert (event.input_tokens, event.output_tokens, event.duration_ms) == (100, 9, 0.0)


def test_counts_of_tokens_are_those_of_the_event() -> None:
    usage = FIELDS[FIELDS.index("input_tokens") : FIELDS.index("usage_raw")]
    assert usage == manual.TOKENS
