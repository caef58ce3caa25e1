from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from any_json import ANY_JSON
from collector_batches import batch_of
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall

from collector.config import CollectorConfig
from collector.formats.format import Unreadable
from collector.formats.litellm import LiteLLM

STARTED = 1_763_640_000.25  # 2025-11-20 12:00:00.25 UTC
CALL_ID = "79413b16-e2f3-48a8-b881-22eb0c87b23d"
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 96,
    "total_tokens": 196,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 32},
}
FAILURE = {
    "status": "failure",
    "id": CALL_ID,
    "response": None,
    "metadata": {},
    "prompt_tokens": 0,
    "completion_tokens": 0,
}


def payload(**changes: Any) -> dict[str, Any]:
    """What LiteLLM's proxy logs of a successful call."""
    said: dict[str, Any] = {
        "id": "chatcmpl-1",
        "litellm_call_id": CALL_ID,
        "trace_id": "f37b02dc-3f60-4731-837d-6cbec2b3e507",
        "call_type": "acompletion",
        "stream": None,
        "response_cost": 0.001013,
        "status": "success",
        "custom_llm_provider": "openai",
        "prompt_tokens": 100,
        "completion_tokens": 96,
        "startTime": STARTED,
        "endTime": STARTED + 1.5,
        "completionStartTime": STARTED + 0.5,
        "model": "gpt-5",
        "model_group": "smart",
        "api_base": "https://api.openai.com/v1/",
        "metadata": {
            "user_api_key_alias": "shop",
            "user_api_key_team_alias": "search",
            "user_api_key_user_id": "ada",
            "usage_object": USAGE,
            "requester_metadata": {"feature": "answers"},
        },
        "cache_hit": False,
        "request_tags": ["checkout", "User-Agent: curl"],
        "end_user": "eve",
        "messages": [{"role": "user", "content": "Write to ada@example.com"}],
        "response": {
            "model": "gpt-5-2025-08-07",
            "choices": [{"finish_reason": "stop", "message": {"content": "Done"}}],
        },
        "error_information": {"error_code": "", "error_class": ""},
        "model_parameters": {"temperature": 0.2, "max_tokens": 300},
        "hidden_params": {"additional_headers": {"x_ratelimit_limit_requests": 1000}},
    }
    return {**said, **changes}


def records(body: Any, **settings: Any) -> list[dict[str, Any]]:
    found = LiteLLM(CollectorConfig(**settings)).read(json.dumps(body).encode(), "application/json")
    return [json.loads(record) for record in found]


def event(**changes: Any) -> dict[str, Any]:
    (found,) = records(payload(**changes))
    return found


def test_a_payload_becomes_an_event_of_its_own_id():
    found = event()
    call = LLMCall.from_json(json.dumps(found))
    assert (call.call_id, call.producer_id, call.seq) == (call.operation_id, "", 0)
    assert (call.duration_ms, call.started_at.microsecond) == (1500.0, 250_000)
    assert (call.team, call.app, call.feature) == ("search", "shop", "answers")
    assert (call.provider, call.host, call.operation) == ("openai", "api.openai.com", "chat")
    assert (call.model_requested, call.model_responded) == ("gpt-5", "gpt-5-2025-08-07")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens, call.reasoning_tokens) == (100, 64, 96, 32)
    assert (call.status, call.response_id, call.usage_source) == ("ok", "chatcmpl-1", "provider")
    assert (call.temperature, call.max_tokens, call.limit_requests) == (0.2, 300, 1000)
    assert call.trace_id == "f37b02dc3f604731837d6cbec2b3e507"
    assert call.time_to_first_token_ms is None


def test_litellms_own_estimate_of_the_cost_is_no_providers_word():
    found = event()
    assert "provider_reported_cost" not in found
    assert found["attributes"] == {
        "litellm.call_id": CALL_ID,
        "litellm.tags": "checkout",
        "litellm.key": "shop",
        "litellm.model_group": "smart",
        "litellm.response_cost": "0.001013",
    }


def test_the_same_payload_is_the_same_event_and_another_attempt_of_the_call_is_another():
    assert event()["call_id"] == event(response_cost=1)["call_id"]
    assert event(**FAILURE)["call_id"] != event(**{**FAILURE, "startTime": STARTED + 2})["call_id"]


@pytest.mark.parametrize(
    ("content", "prompt", "response"),
    [("off", None, None), ("masked", "Write to [email]", "Done"), ("full", "Write to ada@example.com", "Done")],
)
def test_texts_are_kept_as_the_setting_says(content: str, prompt: str | None, response: str | None):
    (found,) = records(payload(), litellm_content=content)
    assert (found.get("prompt"), found.get("response")) == (prompt, response)


def test_a_user_is_a_keyed_hash_or_nothing():
    (hashed,) = records(payload(), user_key="secret")
    assert len(hashed["user_hash"]) == 32
    assert "user_hash" not in event()
    assert "eve" not in json.dumps([hashed, event()])


@pytest.mark.parametrize(
    ("error", "status", "http_status"),
    [
        ({"error_class": "RateLimitError", "error_code": "429"}, "rate_limited", 429),
        ({"error_class": "RateLimitError", "error_code": "tokens"}, "rate_limited", 429),
        ({"error_class": "InternalServerError", "error_code": "server_error"}, "server_error", 500),
        ({"error_class": "APIError", "normalized_error": "503_OVERLOADED"}, "server_error", 503),
        ({"error_class": "Timeout", "error_code": "408"}, "timeout", None),
        ({"error_class": "APIConnectionError", "error_code": "500"}, "network", None),
        ({"error_class": "ContextWindowExceededError", "error_code": "400"}, "context_length", 400),
        ({"error_class": "ContentPolicyViolationError"}, "content_filter", 400),
        ({"error_class": "AuthenticationError"}, "auth", 401),
        ({"error_class": "BadRequestError"}, "invalid_request", 400),
        ({"error_class": "A sentence that quotes"}, "unknown", None),
        (None, "unknown", None),
    ],
)
def test_a_failure_has_one_of_our_statuses(error: Any, status: str, http_status: int | None):
    found = event(**FAILURE, error_information=error)
    assert (found.get("status", "unknown"), found.get("http_status")) == (status, http_status)
    assert " " not in found.get("error_code", "")
    assert "usage_source" not in found
    assert "response_id" not in found


def test_an_answer_of_litellms_cache_is_a_hit_and_not_the_answer_that_it_repeats():
    found = event(cache_hit=True, id="chatcmpl-1_cache_hit1763640000.5")
    assert found["cache_hit"] is True
    assert "response_id" not in found


def test_a_stream_has_a_time_to_its_first_token():
    found = event(stream=True)
    assert (found["stream"], found["time_to_first_token_ms"]) == (True, 500.0)


def test_the_name_of_a_group_of_models_is_no_model():
    found = event(response={"model": "smart"}, custom_llm_provider="bedrock", model="bedrock/eu.anthropic.claude")
    assert "model_responded" not in found
    assert (found["provider"], found["model_requested"]) == ("aws.bedrock", "eu.anthropic.claude")


def test_the_providers_id_is_taken_out_of_litellms_own():
    wrapped = base64.b64encode(b"litellm:custom_llm_provider:openai;model_id:None;response_id:resp_9").decode()
    assert event(id=f"resp_{wrapped}", call_type="aresponses")["response_id"] == "resp_9"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (
            {
                "prompt_tokens": 50,
                "completion_tokens": 5,
                "cache_creation_input_tokens": 30,
                "prompt_tokens_details": {
                    "cached_tokens": 10,
                    "cache_creation_tokens": 30,
                    "cache_creation_token_details": {"ephemeral_1h_input_tokens": 20},
                },
            },
            {"input": 50, "cache_read": 10, "cache_write_5m": 10, "cache_write_1h": 20, "output": 5, "reasoning": 0},
        ),
        (
            {"input_tokens": 7, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1},
            {"input": 12, "cache_read": 3, "cache_write_5m": 2, "output": 1},
        ),
        ({}, {"input": 100, "output": 96}),
    ],
)
def test_tokens_are_inclusive(usage: dict[str, Any], counts: dict[str, int]):
    found = event(metadata={"usage_object": usage})
    assert {name.removesuffix("_tokens"): value for name, value in found.items() if "_tokens" in name} == {
        **counts,
        "max": 300,
    }


def test_a_row_of_the_spend_logs_is_read_as_well():
    row = {
        "request_id": "chatcmpl-1",
        "call_type": "acompletion",
        "spend": 0.5,
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "startTime": "2025-11-20T12:00:00.250Z",
        "endTime": "2025-11-20T12:00:01Z",
        "model": "gpt-5",
        "custom_llm_provider": "openai",
        "team_id": "t-1",
        "status": None,
        "cache_hit": "False",
    }
    (found,) = records(row)
    assert found["call_id"] == event()["call_id"]
    assert (found["team"], found["status"], found["attributes"]["litellm.response_cost"]) == ("t-1", "ok", "0.5")


def test_what_asks_no_model_is_left_out_and_what_is_no_payload_is_kept_without_its_texts():
    assert records(payload(call_type="afile_list", prompt_tokens=0, completion_tokens=0, metadata={})) == []
    without_time, number = records([payload(startTime=None), 7])
    assert without_time["unreadable"] == "it has no id or no startTime"
    assert "ada@example.com" not in json.dumps(without_time)
    assert "eve" not in json.dumps(without_time)
    assert number == {"unreadable": "a payload is an object, not int"}
    assert [
        dead.reason for dead in batch_of(*(json.dumps(one).encode() for one in (without_time, number))).dead_letters
    ] == [
        "wrong_type",
        "wrong_type",
    ]


def test_an_array_lines_and_a_single_payload_are_the_same():
    form = LiteLLM(CollectorConfig())
    one, other = payload(), payload(id="chatcmpl-2")
    array = form.read(json.dumps([one, other]).encode(), "application/json")
    assert form.read(f"{json.dumps(one)}\n\n{json.dumps(other)}\n".encode(), "") == array
    assert form.read(json.dumps(one).encode(), "") == array[:1]
    broken = form.read(b'{"messages": "secret\n' + json.dumps(other).encode(), "")
    assert broken[1] == array[1]
    assert b"secret" not in broken[0]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(body: bytes):
    with pytest.raises(Unreadable):
        LiteLLM(CollectorConfig()).read(body, "")


def test_of_too_many_payloads_one_more_than_are_taken_are_read():
    assert len(records([7] * 50, max_request_events=10)) == 11


@given(st.dictionaries(st.sampled_from(sorted(payload())), ANY_JSON), ANY_JSON)
def test_any_json_is_an_event_or_left_out_or_a_dead_letter(changes: dict[str, Any], other: Any):
    found = LiteLLM(CollectorConfig(user_key="k")).read(json.dumps([{**payload(), **changes}, other]).encode(), "")
    batch = batch_of(*found, days=7_000)
    assert len(found) <= 2
    assert len(batch.lines) + len(batch.dead_letters) == len(found)
    # Nothing but a payload without an id or a time, or of another time, is refused.
    assert all(b"unreadable" in dead.record.body or "timestamp" in dead.reason for dead in batch.dead_letters), (
        batch.dead_letters
    )
