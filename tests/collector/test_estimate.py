from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import openai
import pytest
from conftest import NOW
from events import a_call
from hook_recorder import recording
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.estimate import ENOUGH_CALLS, Estimate, UsageEstimator, family
from collector.price_book.resolve import Resolver
from collector.record import Record
from store.connection import Store
from store.sql import parse


def complete(**changes: Any) -> LLMCall:
    """A stream that says its usage: 8 bytes asked for a token, 250 answered."""
    sizes = {"request_bytes": 800, "response_bytes": 24_000, "chunks": 96, "stream": True}
    return a_call(**{**sizes, **changes})


def unmetered(**changes: Any) -> LLMCall:
    unknown = {"input_tokens": None, "cache_read_tokens": None, "output_tokens": None, "usage_source": "missing"}
    return complete(**{**unknown, **changes})


def taught(*calls: LLMCall, times: int = ENOUGH_CALLS) -> UsageEstimator:
    estimator = UsageEstimator()
    for call in calls * times:
        estimator.learn(call)
    return estimator


def test_a_stream_without_usage_is_estimated_as_the_apps_complete_ones_were() -> None:
    estimator = taught(complete())
    assert estimator.estimate(unmetered(request_bytes=1_600, response_bytes=12_000)) == Estimate(200, 48)


def test_the_apps_own_calls_count_before_those_of_others() -> None:
    other = complete(app="other", input_tokens=400)
    estimator = taught(complete(), other, other)
    assert estimator.estimate(unmetered()) == Estimate(100, 96)


def test_an_app_that_was_never_seen_complete_is_estimated_by_the_models_family() -> None:
    estimator = taught(complete(model_requested="gpt-5-mini"))
    assert estimator.estimate(unmetered(app="new", model_requested="gpt-5-nano")) == Estimate(100, 96)


def test_a_few_complete_calls_are_not_enough() -> None:
    estimator = taught(complete(input_tokens=1), times=ENOUGH_CALLS - 1)
    assert estimator.estimate(unmetered()) == Estimate(200, 96)


def test_before_anything_was_seen_four_characters_are_a_token() -> None:
    assert UsageEstimator().estimate(unmetered(response_chars=400)) == Estimate(200, 100)


def test_what_the_record_says_itself_is_not_estimated() -> None:
    assert taught(complete()).estimate(unmetered(input_tokens=7)) == Estimate(None, 96)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("ok", ""),
        ("ok", "abandoned"),
        ("cancelled", "abandoned"),
        ("network", "broken"),
        ("timeout", "broken"),
        ("unknown", "broken"),
    ],
)
def test_a_stream_that_began_is_estimated_however_it_ended(status: str, outcome: str) -> None:
    ended = unmetered(status=status, stream_outcome=outcome, response_bytes=12_000)
    assert taught(complete()).estimate(ended) == Estimate(100, 48)


@pytest.mark.parametrize("ended", ["cancelled", "network", "timeout"])
def test_a_stream_that_began_teaches_nothing(ended: str) -> None:
    estimator = taught(unmetered(status=ended, stream_outcome="broken", input_tokens=1))
    assert estimator.estimate(unmetered()) == Estimate(200, 96)


@pytest.mark.parametrize(
    "call",
    [
        complete(),
        unmetered(stream=False),
        unmetered(status="rate_limited", http_status=429),
        unmetered(status="network", http_status=None, response_bytes=None),
        unmetered(status="timeout", http_status=None, response_bytes=None),
        unmetered(status="cancelled", http_status=None, response_bytes=None),
        unmetered(status="server_error", stream_outcome="broken"),
        unmetered(request_bytes=None),
        unmetered(chunks=None),
    ],
    ids=[
        "complete",
        "no stream",
        "refused",
        "connection refused",
        "no answer in time",
        "cancelled before the answer",
        "an error inside the stream",
        "size of the request unknown",
        "size of the answer unknown",
    ],
)
def test_other_calls_are_not_estimated(call: LLMCall) -> None:
    assert UsageEstimator().estimate(call) is None


@given(st.integers(1, 50), st.integers(1, 400), st.integers(0, 2**31), st.integers(0, 2**31))
def test_an_estimate_is_in_proportion_to_the_size(
    asked_bytes: int, answered_bytes: int, asked: int, answered: int
) -> None:
    sizes = {"request_bytes": 100 * asked_bytes, "response_bytes": 96 * answered_bytes}
    estimator = taught(complete(**sizes))
    found = estimator.estimate(unmetered(request_bytes=asked * asked_bytes, response_bytes=answered * answered_bytes))
    assert found == Estimate(asked, answered)


def test_rates_follow_an_app_that_changes() -> None:
    estimator = taught(complete(), times=2_000)
    for _ in range(20_000):
        estimator.learn(complete(input_tokens=300))
    found = estimator.estimate(unmetered())
    assert found is not None
    assert found.input_tokens in (299, 300)


def test_the_estimate_is_stored_with_its_flag_and_priced_as_estimated(store: Store) -> None:
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10))
    bodies = [complete().to_json() for _ in range(ENOUGH_CALLS)] + [unmetered(team="unmetered").to_json()]
    batch = decoder.decode([Record("calls/0", offset, body) for offset, body in enumerate(bodies)], NOW)
    store.insert_json("ingest", b"\n".join(line.json for line in batch.lines))
    query = parse("estimated", "-- one call\nSELECT * FROM priced_calls WHERE team = 'unmetered'")
    (found,) = store.query(query).dicts()
    assert (found["input_tokens"], found["output_tokens"], found["usage_source"]) == (100, 96, "estimated")


CHUNK = b'data: {"id":"c","model":"gpt-5","choices":[{"index":0,"delta":{"content":"Open the app."}}]}\n\n'


async def left_by_cancelling(handle: Any) -> Any:
    """What becomes of a streamed chat whose task is cancelled as soon as it has had its first chunk, or has none."""
    transport = httpx2.MockTransport(handle)
    begun = asyncio.Event()

    async def main() -> None:
        http_client = openai.DefaultAsyncHttpxClient(transport=transport)
        async with openai.AsyncOpenAI(api_key="key", http_client=http_client, max_retries=0) as client:
            messages: Any = [{"role": "user", "content": "How do I top up my card?"}]
            async for _ in await client.chat.completions.create(model="gpt-5", messages=messages, stream=True):
                begun.set()

    task = asyncio.create_task(main())
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for each in (task, waiting):
        each.cancel()
    return (await asyncio.gather(task, waiting, return_exceptions=True))[0]


def streaming(ending: BaseException | None) -> Any:
    """An answer of one chunk, after which comes `ending`, or nothing any more."""

    async def chunks() -> AsyncIterator[bytes]:
        yield CHUNK
        if ending is not None:
            raise ending
        await asyncio.Event().wait()

    headers = {"content-type": "text/event-stream"}
    return lambda request: httpx2.Response(200, headers=headers, content=chunks())


@pytest.mark.parametrize(
    ("ending", "status", "outcome"),
    [
        (None, "cancelled", "abandoned"),
        (httpx2.ReadError("reset"), "network", "broken"),
        (httpx2.ReadTimeout("too slow"), "timeout", "broken"),
    ],
    ids=["cancelled", "network", "timeout"],
)
def test_streams_of_the_real_client_that_began_are_estimated(
    ending: BaseException | None, status: str, outcome: str
) -> None:
    with recording() as recorder:
        assert isinstance(asyncio.run(left_by_cancelling(streaming(ending))), BaseException)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.http_status) == (status, outcome, 200)
    assert UsageEstimator().estimate(call) == Estimate(round((call.request_bytes or 0) / 4), 1)


def refusing(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(429, json={"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit"}})


def failing(error: Exception) -> Any:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise error

    return fail


@pytest.mark.parametrize(
    ("handle", "status"),
    [
        (refusing, "rate_limited"),
        (failing(httpx2.ConnectError("refused")), "network"),
        (failing(httpx2.ReadTimeout("no answer")), "timeout"),
    ],
    ids=["refused", "unreachable", "no answer"],
)
def test_streams_of_the_real_client_that_never_began_are_not_estimated(handle: Any, status: str) -> None:
    with recording() as recorder:
        assert isinstance(asyncio.run(left_by_cancelling(handle)), openai.OpenAIError)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == (status, "", "missing")
    assert UsageEstimator().estimate(call) is None


@pytest.mark.parametrize("stated", [{"usage_source": "missing"}, {"input_tokens": None}])
def test_a_key_that_the_record_has_is_never_there_twice(stated: dict[str, Any]) -> None:
    body = json.dumps({**json.loads(unmetered().to_json()), **stated}).encode()
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10))
    (line,) = decoder.decode([Record("calls/0", 0, body)], NOW).lines
    pairs = json.loads(line.json, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("gpt-5-mini", "gpt-5"),
        ("claude-sonnet-4-5", "claude-sonnet"),
        ("meta-llama/llama-3.1-70b", "llama-3.1"),
        ("", ""),
    ],
)
def test_the_family_is_the_front_of_the_name(model: str, found: str) -> None:
    assert family(model) == found
