"""OpenAI's responses and decisions: what they count, how they fail, and what is only counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from hook_recorder import recording
from in_memory_server import answering
from tokentide.call import LLMCall

USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 20},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 150,
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "error": None,
    "model": "gpt-5-2026",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": USAGE,
}


def asked(answer: dict[str, Any], call: Callable[[Any], Any]) -> LLMCall:
    """The record of what `call` does with a client."""
    http_client = openai.DefaultHttpxClient(transport=answering(answer))
    with recording(content="full") as recorder:
        with openai.OpenAI(api_key="key", http_client=http_client, max_retries=0) as client:
            call(client)
        return recorder.call()


def responded(**said: Any) -> LLMCall:
    return asked({**RESPONSE, **said}, lambda client: client.responses.create(model="gpt-5", input="Hi"))


def test_a_decision_is_recorded() -> None:
    answer = {"answers": [{"type": "predicate", "probability": 0.9}], "model": "gpt-6-luna-2026", "usage": USAGE}
    questions = [{"type": "predicate", "question": "Is it about a card?"}]
    call = asked(answer, lambda client: client.decisions.create(model="gpt-6-luna", input="Hi", questions=questions))
    assert (call.provider, call.operation, call.prompt) == ("openai", "responses", "Hi")
    assert (call.model_requested, call.model_responded) == ("gpt-6-luna", "gpt-6-luna-2026")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (100, 10, 50)


def test_tokens_that_are_only_counted_are_no_response() -> None:
    answer = {"object": "response.input_tokens", "input_tokens": 11}
    call = asked(answer, lambda client: client.responses.input_tokens.count(model="gpt-5", input="Hi"))
    assert (call.operation, call.input_tokens, call.output_tokens) == ("count_tokens", 11, 0)
    assert (call.model_requested, call.prompt, call.usage_source) == ("gpt-5", "", "provider")


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_in_the_background_has_not_ended(status: str) -> None:
    call = responded(status=status, usage=None)
    assert (call.status, call.finish_reason, call.usage_source) == ("ok", "", "missing")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("server_error", "server_error"),
        ("rate_limit_exceeded", "rate_limited"),
        ("vector_store_timeout", "timeout"),
        ("image_content_policy_violation", "content_filter"),
        ("bio_policy", "content_filter"),
        ("misalignment_policy_violation", "content_filter"),
        ("invalid_prompt", "invalid_request"),
        ("invalid_image", "invalid_request"),
        ("invalid_image_format", "invalid_request"),
        ("invalid_base64_image", "invalid_request"),
        ("invalid_image_url", "invalid_request"),
        ("image_too_large", "invalid_request"),
        ("image_too_small", "invalid_request"),
        ("image_parse_error", "invalid_request"),
        ("invalid_image_mode", "invalid_request"),
        ("image_file_too_large", "invalid_request"),
        ("unsupported_image_media_type", "invalid_request"),
        ("empty_image_file", "invalid_request"),
        ("failed_to_download_image", "invalid_request"),
        ("image_file_not_found", "invalid_request"),
        ("data_residency_mismatch", "invalid_request"),
    ],
)
def test_a_response_that_failed_says_why(code: str, status: str) -> None:
    call = responded(status="failed", usage=None, error={"code": code, "message": "Sorry."})
    assert (call.http_status, call.status, call.error_code) == (200, status, code)


def test_what_a_tool_s_model_used_is_kept_but_not_counted() -> None:
    images = {"input_tokens": 200, "output_tokens": 4000, "total_tokens": 4200}
    call = responded(tool_usage={"image_gen": images, "web_search": {"num_requests": 2}})
    assert (call.input_tokens, call.output_tokens) == (100, 50)
    assert json.loads(call.usage_raw)["tool_usage"]["image_gen"] == images


def test_a_tool_that_used_nothing_is_not_kept() -> None:
    none = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert json.loads(responded(tool_usage={"image_gen": none}).usage_raw) == USAGE
