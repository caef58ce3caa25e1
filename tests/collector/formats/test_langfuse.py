from __future__ import annotations

import json
from typing import Any

import pytest
from any_json import ANY_JSON
from collector_batches import batch_of
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall

from collector.formats.langfuse import read_observation, records_in
from collector.formats.second_hand import Left
from collector.formats.texts import Texts


def observation(**changes: Any) -> dict[str, Any]:
    """A generation as the public API writes it."""
    said: dict[str, Any] = {
        "id": "0123456789abcdef",
        "traceId": "0123456789abcdef0123456789abcdef",
        "type": "GENERATION",
        "name": "answer",
        "startTime": "2026-11-20T11:00:00.250Z",
        "endTime": "2026-11-20T11:00:02.250Z",
        "completionStartTime": "2026-11-20T11:00:00.750Z",
        "model": "gpt-5",
        "modelParameters": {"temperature": 0.2, "max_tokens": 300},
        "input": [{"role": "user", "content": "Write to ada@example.com"}],
        "output": {"role": "assistant", "content": "Done"},
        "metadata": {"team": "search", "other": "x"},
        "usageDetails": {
            "input": 36,
            "input_cached_tokens": 64,
            "output": 64,
            "output_reasoning_tokens": 32,
            "total": 196,
        },
        "costDetails": {"total": 0.001013},
        "level": "DEFAULT",
        "statusMessage": None,
        "parentObservationId": "fedcba9876543210",
        "promptName": "greeting",
        "promptVersion": 3,
        "environment": "production",
    }
    return {**said, **changes}


def read(policy: str = "masked", user_key: str = "", **changes: Any) -> LLMCall:
    found = read_observation(observation(**changes), Texts(policy, user_key), user_key)
    assert isinstance(found, LLMCall)
    return found


def left(value: Any) -> Left:
    found = read_observation(value, Texts("off", ""), "")
    assert isinstance(found, Left)
    return found


def test_a_generation_becomes_an_event_of_its_own_id():
    call = read()
    assert (call.call_id, call.producer_id, call.seq) == (read(name="renamed").call_id, "", 0)
    assert (call.duration_ms, call.time_to_first_token_ms, call.stream) == (2000.0, 500.0, True)
    assert (call.team, call.environment, call.prompt_name, call.prompt_version) == (
        "search",
        "production",
        "greeting",
        "3",
    )
    assert (call.provider, call.operation, call.model_requested) == ("openai", "chat", "gpt-5")
    assert (call.status, call.temperature, call.max_tokens) == ("ok", 0.2, 300)
    assert (call.prompt, call.response) == ("Write to [email]", "Done")
    assert (call.span_id, call.parent_span_id) == ("0123456789abcdef", "fedcba9876543210")
    assert call.provider_reported_cost is None
    assert call.attributes["langfuse.cost"] == "0.001013"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"input": 36, "input_cached_tokens": 64, "output": 64, "output_reasoning_tokens": 32, "total": 196},
            (100, 64, 96, 32),
        ),
        ({"input": 100, "cache_read_input_tokens": 64, "output": 96, "reasoning": 32, "total": 196}, (100, 64, 96, 32)),
        ({"input": 36, "input_cache_read": 64, "output": 96}, (100, 64, 96, None)),
        ({"input": 5, "input_something_new": 2, "output": 1}, (7, None, 1, None)),
        ({"input": 5, "total": 5}, (5, None, 0, None)),
        ({"input": 5, "output": True}, (5, None, None, None)),
        ({"input": 0, "output": 0, "total": 0}, (None, None, None, None)),
        ({}, (None, None, None, None)),
    ],
)
def test_parts_that_are_counted_beside_each_other_are_added_up(usage: dict[str, int], expected: tuple[int | None, ...]):
    call = read(usageDetails=usage)
    counts = (call.input_tokens, call.cache_read_tokens, call.output_tokens, call.reasoning_tokens)
    assert counts == expected
    assert call.usage_source == ("missing" if None in (call.input_tokens, call.output_tokens) else "provider")


def test_writes_to_the_cache_are_counted_by_how_long_they_last():
    usage = {
        "input": 1,
        "input_cache_creation_5m": 2,
        "input_cache_creation_1h": 3,
        "input_cached_tokens": 4,
        "output": 1,
    }
    call = read(usageDetails=usage)
    assert (call.input_tokens, call.cache_write_5m_tokens, call.cache_write_1h_tokens) == (10, 2, 3)


@pytest.mark.parametrize(("unit", "counted"), [("TOKENS", 7), (None, 7), ("CHARACTERS", None)])
def test_the_usage_of_an_older_langfuse_counts_if_it_counts_tokens(unit: str | None, counted: int | None):
    call = read(usageDetails=None, usage={"input": 7, "output": 1, "total": 8, "unit": unit})
    assert call.input_tokens == counted


@pytest.mark.parametrize(
    ("message", "status", "http_status"),
    [
        ("Error code: 429 - rate limit", "rate_limited", 429),
        ("Error code: 503 - overloaded", "server_error", 503),
        ("Error code: 400", "invalid_request", 400),
        ("Request timed out.", "timeout", None),
        ("maximum context length", "context_length", None),
        ("a secret prompt 404", "unknown", None),
        (None, "unknown", None),
    ],
)
def test_an_error_has_one_of_our_statuses_and_its_message_is_not_kept(
    message: str | None, status: str, http_status: int | None
):
    call = read(level="ERROR", statusMessage=message)
    assert (call.status, call.http_status) == (status, http_status)
    assert b"secret" not in call.to_json()


@pytest.mark.parametrize(
    ("model", "metadata", "provider"),
    [
        ("claude-sonnet-4-5", {}, "anthropic"),
        ("eu.anthropic.claude-sonnet-4-5-v1:0", {}, "aws.bedrock"),
        ("azure/gpt-5", {}, "azure"),
        ("my-deployment", {"ls_provider": "azure_openai"}, "azure"),
        ("my-deployment", {"attributes": {"gen_ai.system": "vertex_ai"}}, "gcp.vertex_ai"),
        ("my-deployment", {}, ""),
    ],
)
def test_the_provider_is_what_the_metadata_says_or_the_models_name_tells(
    model: str, metadata: dict[str, Any], provider: str
):
    assert read(model=model, metadata=metadata).provider == provider


def test_the_newer_api_writes_json_as_texts():
    call = read(
        input=json.dumps({"messages": [{"role": "user", "content": "Hi"}]}),
        output=json.dumps({"choices": [{"message": {"content": "Hello"}}]}),
        metadata=json.dumps({"app": "shop"}),
        model=None,
        providedModelName="gpt-5-mini",
    )
    assert (call.prompt, call.response, call.app, call.model_requested) == ("Hi", "Hello", "shop", "gpt-5-mini")


def test_user_and_session_are_those_of_the_trace_and_users_are_hashed():
    trace = {"id": "t", "userId": "ada", "sessionId": "s-1", "name": "visit", "observations": [observation(), 7]}
    found, other = records_in({"data": [trace], "meta": {"page": 1}})
    assert other == 7
    call = read_observation(found, Texts("off", "k"), "k")
    assert isinstance(call, LLMCall)
    assert (call.session_id, len(call.user_hash)) == ("s-1", 32)
    assert b"ada" not in call.to_json()
    assert read(userId="ada").user_hash == ""


def test_what_asks_no_model_is_left_out_and_what_is_no_observation_is_a_fault():
    assert left(observation(type="SPAN")) == Left("span: only generations and embeddings ask a model", is_fault=False)
    assert left(observation(startTime="yesterday")).is_fault
    assert left(observation(type=None)).is_fault
    assert left([1]).is_fault


@given(st.dictionaries(st.sampled_from(sorted(observation())), ANY_JSON), ANY_JSON)
def test_any_json_is_an_event_or_is_left_with_a_reason(changes: dict[str, Any], other: Any):
    found = [
        read_observation(record, Texts("masked", "k"), "k")
        for value in (observation(**changes), other)
        for record in records_in(value)
    ]
    events = [call.to_json() for call in found if not isinstance(call, Left)]
    batch = batch_of(*events, days=7_000)
    assert all("timestamp" in dead.reason for dead in batch.dead_letters), batch.dead_letters
