from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW
from events import a_call
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
    "call",
    [
        complete(),
        unmetered(stream=False),
        unmetered(status="rate_limited"),
        unmetered(request_bytes=None),
        unmetered(chunks=None),
    ],
    ids=["complete", "no stream", "refused", "size of the request unknown", "size of the answer unknown"],
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
