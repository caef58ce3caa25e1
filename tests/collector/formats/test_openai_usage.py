from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from any_json import ANY_JSON
from collected_calls import collect
from collector_batches import batch_of
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall

from collector.formats.openai_usage import read_result, records_in
from collector.formats.second_hand import Left
from store.connection import Store
from store.sql import Query

START = datetime(2026, 11, 19, tzinfo=timezone.utc)
END = datetime(2026, 11, 20, tzinfo=timezone.utc)


def result(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "object": "organization.usage.completions.result",
        "input_tokens": 1_000_000,
        "input_cached_tokens": 200_000,
        "output_tokens": 500_000,
        "num_model_requests": 900,
        "project_id": "proj_a",
        "user_id": "user-ada",
        "api_key_id": "key_a",
        "model": "gpt-5.5",
        "batch": False,
        "service_tier": "default",
    }
    return {**said, **changes}


def page(*results: Any) -> dict[str, Any]:
    bucket = {
        "object": "bucket",
        "start_time": int(START.timestamp()),
        "end_time": int(END.timestamp()),
        "results": list(results),
    }
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def read(*results: Any, until: datetime = END) -> list[LLMCall | Left]:
    return [found for record in records_in(page(*results)) for found in read_result(record, until, "k")]


def calls(*results: Any) -> list[LLMCall]:
    found = read(*results)
    assert all(isinstance(call, LLMCall) for call in found), found
    return found  # type: ignore[return-value]  # it was asserted


def left(one: Any, until: datetime = END) -> Left:
    (found,) = read(one, until=until)
    assert isinstance(found, Left)
    return found


def test_the_rows_of_a_result_add_up_to_it():
    rows = calls(result())
    assert len(rows) == 5
    assert sum(row.input_tokens or 0 for row in rows) == 1_000_000
    assert sum(row.cache_read_tokens or 0 for row in rows) == 200_000
    assert sum(row.output_tokens or 0 for row in rows) == 500_000
    assert sum(int(row.attributes["requests"]) for row in rows) == 900
    assert {(row.app, row.provider, row.started_at, row.status) for row in rows} == {("proj_a", "openai", START, "ok")}
    assert b"user-ada" not in rows[0].to_json()


COST = Query("cost", "One row = all.", "SELECT sum(cost), countIf(cost IS NULL) FROM priced_calls", {})


def test_many_short_prompts_are_not_charged_as_one_long_prompt(store: Store):
    collect(store, *calls(result()))
    # 800,000 fresh tokens at $5, 200,000 cached ones at $0.50 and 500,000 of output at $30 a million.
    assert store.query(COST).rows == [(Decimal("19.1"), 0)]


def test_requests_that_are_long_on_average_are_charged_as_long_prompts(store: Store):
    collect(store, *calls(result(num_model_requests=2, input_cached_tokens=0, output_tokens=0)))
    assert store.query(COST).rows == [(Decimal(10), 0)]


def test_the_same_result_is_the_same_rows_and_another_group_is_another():
    first, again = calls(result()), calls(result(input_tokens=1_100_000, num_model_requests=950))
    assert [row.call_id for row in first] == [row.call_id for row in again][: len(first)]
    assert not {row.call_id for row in first} & {row.call_id for row in calls(result(project_id="proj_b"))}


def test_audio_is_counted_beside_the_text():
    (row,) = calls(
        result(input_tokens=10, input_cached_tokens=4, input_audio_tokens=5, output_audio_tokens=3, output_tokens=1)
    )
    assert (row.input_tokens, row.input_audio_tokens, row.output_tokens, row.output_audio_tokens) == (15, 5, 4, 3)


@pytest.mark.parametrize(
    ("changes", "tier"), [({"batch": True}, "batch"), ({"service_tier": "flex"}, "flex"), ({"batch": None}, "default")]
)
def test_a_batch_and_a_tier_have_prices_of_their_own(changes: dict[str, Any], tier: str):
    assert {row.service_tier for row in calls(result(**changes))} == {tier}


def test_what_hooks_record_cannot_be_priced_or_never_was_is_left_out():
    assert left(result(), until=START) == Left("its bucket ends after --until", is_fault=False)
    assert left(result(num_model_requests=0)) == Left("nothing was requested", is_fault=False)
    assert not left(result(object="organization.usage.images.result")).is_fault
    assert left(result(model=None)).is_fault
    assert left(result(object="organization.costs.result")).why.startswith("organization.costs")
    assert left(7).is_fault


@given(st.dictionaries(st.sampled_from(sorted(result())), ANY_JSON), ANY_JSON)
def test_any_json_is_events_or_is_left_with_a_reason(changes: dict[str, Any], other: Any):
    found = read(result(**changes), other) + [
        one for record in records_in(other) for one in read_result(record, END, "k")
    ]
    batch = batch_of(*(call.to_json() for call in found if not isinstance(call, Left)), days=7_000)
    assert batch.dead_letters == []
