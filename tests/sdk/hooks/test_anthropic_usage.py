"""What a message's usage says beside its counts: the mode, what was compacted, who answered, and where."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from anthropic import Anthropic
from hook_recorder import recording
from in_memory_server import answering, streaming
from tokentide.call import LLMCall
from tokentide.hooks.anthropic import message_tokens

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-8",
    "content": [{"type": "text", "text": "In the app."}],
    "stop_reason": "end_turn",
}
NOT_CACHED = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


def asked(transport: Any, base_url: str = "https://api.anthropic.com", stream: bool = False) -> LLMCall:
    """The record of a message through Anthropic's client."""
    with (
        recording() as recorder,
        httpx2.Client(transport=transport) as http_client,
        Anthropic(api_key="key", base_url=base_url, max_retries=0, http_client=http_client) as client,
    ):
        turns: Any = [{"role": "user", "content": "x"}]
        answer = client.messages.create(model="claude-opus-4-8", max_tokens=9, messages=turns, stream=stream)
        if stream:
            list(answer)  # type: ignore[arg-type]  # it is a stream
    return recorder.call()


def answered(usage: dict[str, Any], **options: Any) -> LLMCall:
    return asked(answering({**MESSAGE, "usage": usage}), **options)


@pytest.mark.parametrize(
    ("usage", "tier"),
    [
        ({"service_tier": "standard", "speed": "fast"}, "fast"),
        ({"service_tier": "priority", "speed": "standard"}, "priority"),
        ({"service_tier": "batch"}, "batch"),
        ({}, ""),
    ],
)
def test_the_fast_mode_is_a_tier(usage: dict[str, Any], tier: str) -> None:
    assert answered({"input_tokens": 10, "output_tokens": 5, **usage}).service_tier == tier


def iteration(kind: str, asked: int, answered: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "input_tokens": asked, "output_tokens": answered, **NOT_CACHED, **more}


def test_what_was_compacted_is_counted_although_the_usage_leaves_it_out() -> None:
    compaction = iteration(
        "compaction",
        180_000,
        3500,
        cache_creation_input_tokens=500,
        cache_read_input_tokens=70,
        cache_creation={"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 300},
    )
    usage = iteration("", 23_000, 1000, iterations=[compaction, iteration("message", 23_000, 1000)])
    assert message_tokens(usage) == {
        "input_tokens": 203_570,
        "cache_read_tokens": 70,
        "cache_write_5m_tokens": 200,
        "cache_write_1h_tokens": 300,
        "output_tokens": 4500,
    }


def test_a_stream_says_what_was_compacted_at_its_end() -> None:
    last = {"output_tokens": 1000, "iterations": [iteration("compaction", 180_000, 3500)]}
    events = [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "usage": iteration("", 23_000, 1)}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last},
        {"type": "message_stop"},
    ]
    call = asked(streaming(events), stream=True)
    assert (call.input_tokens, call.output_tokens, call.stream_outcome) == (203_000, 4500, "complete")


def test_an_advisor_is_another_model_and_is_not_counted() -> None:
    advisor = iteration("advisor_message", 823, 1612, model="claude-opus-5")
    call = answered(iteration("", 412, 531, iterations=[iteration("message", 412, 89), advisor]))
    assert (call.input_tokens, call.output_tokens) == (412, 531)
    assert "advisor_message" in call.usage_raw


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_is_the_one_that_answered_when_the_first_declined(stream: bool) -> None:
    declined = iteration("message", 412, 20, model="claude-fable-5")
    usage = iteration("", 412, 55, iterations=[declined, iteration("fallback_message", 412, 55, model="claude-opus-5")])
    events = [
        {"type": "message_start", "message": {**MESSAGE, "model": "claude-fable-5", "usage": iteration("", 412, 1)}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]
    call = asked(streaming(events), stream=True) if stream else answered(usage)
    assert (call.model_responded, call.input_tokens, call.output_tokens) == ("claude-opus-5", 412, 55)


@pytest.mark.parametrize(("geo", "region"), [("us", "us"), ("global", "global"), ("not_available", ""), (None, "")])
def test_the_region_is_where_the_answer_says_it_was_made(geo: str | None, region: str) -> None:
    assert answered({"input_tokens": 10, "output_tokens": 5, "inference_geo": geo}).region == region


def test_the_host_s_region_wins() -> None:
    call = answered(
        {"input_tokens": 10, "output_tokens": 5, "inference_geo": "us"},
        base_url="https://aws-external-anthropic.us-west-2.api.aws",
    )
    assert call.region == "us-west-2"


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://api.deepseek.com/anthropic", "deepseek"),
        ("https://openrouter.ai/api", "openrouter"),
        ("https://api.moonshot.ai/anthropic", "moonshot"),
        ("https://api.z.ai/api/anthropic", "zai"),
        ("https://api.x.ai", "xai"),
        ("https://resource.cognitiveservices.azure.com/anthropic", "azure"),
        ("https://resource.services.ai.azure.com/anthropic", "azure"),
        ("https://claude.googleapis.com", "gcp.vertex_ai"),
        ("https://gateway.example.com", "anthropic"),
    ],
)
def test_the_host_says_who_answers_anthropics_client(base_url: str, provider: str) -> None:
    call = answered({"input_tokens": 10, "output_tokens": 5}, base_url=base_url)
    assert (call.provider, call.operation, call.output_tokens) == (provider, "messages", 5)


def test_openrouter_says_the_cost_to_anthropics_client_too() -> None:
    call = answered({"input_tokens": 10, "output_tokens": 5, "cost": 0.01}, base_url="https://openrouter.ai/api")
    assert str(call.provider_reported_cost) == "0.01"
