"""Answers that are too long to be kept whole: what is read of their beginning and their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hook_recorder import recording
from in_memory_server import EVENTS, HTTP, answering, dumped
from tokentide.call import LLMCall

URL = "https://api.openai.com/v1/responses"
MODEL = "gpt-5.1-2025-11-13"
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 10},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 150,
}
IMAGE_TOOL = {"type": "image_generation", "model": "gpt-image-1.5", "output_format": "png", "size": "auto"}


def response(**said: Any) -> dict[str, Any]:
    """A response with its keys in the order in which they are sent."""
    return {
        "id": "resp_TRUE",
        "object": "response",
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": MODEL,
        "output": [],
        "service_tier": "default",
        "tools": [],
        "usage": None,
    } | said


def said(words: int, status: str = "completed") -> dict[str, Any]:
    content = [{"type": "output_text", "text": "word " * words}]
    return {"id": "msg_9", "type": "message", "status": status, "content": content, "role": "assistant"}


def created(**more: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": response(**more)}


def ended(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": response(status=kind, **more)}


def streamed(events: Sequence[Any], size: int, lost: int = 0) -> LLMCall:
    """The record of a stream that comes in pieces of `size` bytes, without the last ones that are `lost`."""
    whole = b"".join(f"event: {event['type']}\ndata: ".encode() + dumped(event) + b"\n\n" for event in events)
    pieces = (whole[start : start + size] for start in range(0, len(whole) - lost, size))
    transport = HTTP.MockTransport(
        lambda request: HTTP.Response(200, headers={"content-type": EVENTS}, content=iter(pieces))
    )
    with (
        recording() as recorder,
        HTTP.Client(transport=transport) as client,
        client.stream("POST", URL, json={"model": "gpt-5.1", "stream": True}) as answer,
    ):
        list(answer.iter_bytes())
    return recorder.call()


def test_a_tool_s_model_and_a_part_s_id_are_not_those_of_the_response() -> None:
    picture = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "A" * 200_000}
    events = [
        created(tools=[IMAGE_TOOL]),
        {"type": "response.output_item.done", "item": picture},
        ended("completed", output=[picture, said(1)], tools=[IMAGE_TOOL], usage=USAGE),
    ]
    call = streamed(events, 4096)
    assert (call.response_id, call.model_responded) == ("resp_TRUE", MODEL)
    assert (call.input_tokens, call.output_tokens, call.stream_outcome) == (100, 50, "complete")


def test_the_id_is_read_of_a_first_event_that_is_cut_too() -> None:
    long = "i" * 30_000
    events = [created(instructions=long), ended("completed", instructions=long, output=[said(9)], usage=USAGE)]
    call = streamed(events, 4096)
    assert (call.response_id, call.model_responded, call.output_tokens) == ("resp_TRUE", MODEL, 50)


def test_a_long_response_that_is_over_is_not_in_progress() -> None:
    pieces = [{"type": "response.output_text.delta", "delta": "word "} for _ in range(6000)]
    call = streamed([created(), *pieces, ended("completed", output=[said(6000)], usage=USAGE)], 4096)
    assert (call.status, call.finish_reason, call.stream_outcome, call.output_tokens) == ("ok", "", "complete", 50)


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("completed", {"usage": USAGE}, ("ok", "", "completed")),
        (
            "incomplete",
            {"usage": USAGE, "incomplete_details": {"reason": "max_output_tokens"}},
            ("ok", "", "max_output_tokens"),
        ),
        ("failed", {"error": {"code": "rate_limit_exceeded"}}, ("rate_limited", "rate_limit_exceeded", "failed")),
    ],
)
def test_a_last_event_that_begins_what_is_kept_is_read_whole(
    kind: str, more: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    """TLS brings at most 16 KB at once: what is kept of the end is up to two such pieces, of an event that begins one."""
    first = [created(), *({"type": "response.output_text.delta", "delta": "word "} for _ in range(300))]
    size = sum(len(f"event: {event['type']}\ndata: \n\n") + len(dumped(event)) for event in first)
    call = streamed([*first, ended(kind, output=[said(4000)], **more)], size)
    assert size > 16 * 1024
    assert (call.status, call.error_code, call.finish_reason) == expected
    assert call.stream_outcome == "complete"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("completed", ("ok", "", "completed")),
        ("incomplete", ("ok", "", "incomplete")),
        ("failed", ("server_error", "failed", "failed")),
    ],
)
def test_the_type_at_the_beginning_of_the_last_event_says_how_it_ended(
    kind: str, expected: tuple[str, str, str]
) -> None:
    call = streamed([created(), ended(kind, instructions="i" * 40_000)], 1000)
    assert (call.status, call.error_code, call.finish_reason) == expected
    assert (call.response_id, call.stream_outcome) == ("resp_TRUE", "complete")


def test_a_stream_that_breaks_in_its_last_event_is_not_complete() -> None:
    call = streamed([created(), ended("completed", output=[said(8000)], usage=USAGE)], 1000, lost=2000)
    assert (call.stream_outcome, call.usage_source) == ("broken", "missing")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": "completed", "output": [said(20_000, "incomplete")]}, ("ok", "", "completed")),
        (
            {
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
                "output": [said(20_000)],
            },
            ("ok", "", "max_output_tokens"),
        ),
        ({"status": "failed", "instructions": "i" * 90_000}, ("server_error", "failed", "failed")),
    ],
)
def test_a_response_says_its_status_before_its_parts_do(more: dict[str, Any], expected: tuple[str, str, str]) -> None:
    with recording() as recorder, HTTP.Client(transport=answering(response(**more, usage=USAGE))) as client:
        client.post(URL, json={"model": "gpt-5.1"})
    call = recorder.call()
    assert (call.status, call.error_code, call.finish_reason) == expected
    assert (call.response_id, call.output_tokens) == ("resp_TRUE", 50)
