"""Sends what the demo's provider answers: a document, or a stream of events, with each provider's headers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from server.demo import answers
from server.demo.answers import Answer, Document
from server.demo.behaviour import Arrival, Plan

Headers = list[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# These streams tell their usage only if the request asks for it.
COMPLETION_EVENTS = {
    "chat": answers.chat_events,
    "completions": answers.completion_events,
}
_NEVER_STREAM = ("embeddings", "images", "audio")
_UNARY = {
    "chat": answers.chat,
    "completions": answers.completion,
    "responses": answers.response,
    "embeddings": answers.embeddings,
    "images": answers.image,
    "audio": answers.transcription,
    "messages": answers.message,
}


async def reply(send: Send, arrival: Arrival, plan: Plan, answer: Answer, include_usage: bool) -> None:
    """Send the answer as `plan` wants it; `include_usage` is what a request for a streamed completion asked for."""
    headers = _limits(arrival, plan)
    if plan.http_status != 200:
        body = answers.error(arrival.provider, plan.http_status, plan.error_code)
        await send_document(send, plan.http_status, headers, body)
    elif arrival.stream and arrival.operation not in _NEVER_STREAM:
        await _send_events(send, headers, plan, _events(arrival.operation, answer, plan, include_usage))
    else:
        await send_document(send, 200, headers, _UNARY[arrival.operation](answer))


def _events(operation: str, answer: Answer, plan: Plan, include_usage: bool) -> Iterator[bytes]:
    if operation in COMPLETION_EVENTS:
        for event in COMPLETION_EVENTS[operation](answer, plan.chunks, include_usage):
            yield b"data: " + _dump(event) + b"\n\n"
        yield b"data: [DONE]\n\n"
        return
    source = answers.response_events if operation == "responses" else answers.message_events
    for event in source(answer, plan.chunks):
        yield b"event: " + event["type"].encode() + b"\ndata: " + _dump(event) + b"\n\n"


def _limits(arrival: Arrival, plan: Plan) -> Headers:
    """The request id and the limits, in the words of each provider. Every minute starts with 1000 requests."""
    request_id = f"req_{arrival.number:08d}".encode()
    remaining = b"0" if plan.http_status == 429 else str(1000 - arrival.number % 1000).encode()
    headers: Headers = [(b"retry-after-ms", str(plan.retry_after_ms).encode())] if plan.http_status == 429 else []
    if arrival.provider == "anthropic":
        reset = (arrival.at + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        headers += [
            (b"request-id", request_id),
            (b"anthropic-ratelimit-requests-limit", b"1000"),
            (b"anthropic-ratelimit-requests-remaining", remaining),
            (b"anthropic-ratelimit-requests-reset", reset),
            (b"anthropic-ratelimit-tokens-limit", b"200000"),
            (b"anthropic-ratelimit-tokens-remaining", b"199000"),
            (b"anthropic-ratelimit-tokens-reset", reset),
        ]
    else:
        headers += [
            (b"x-request-id", request_id),
            (b"x-ratelimit-limit-requests", b"1000"),
            (b"x-ratelimit-remaining-requests", remaining),
            (b"x-ratelimit-reset-requests", b"30s"),
            (b"x-ratelimit-limit-tokens", b"200000"),
            (b"x-ratelimit-remaining-tokens", b"199000"),
            (b"x-ratelimit-reset-tokens", b"12ms"),
        ]
    return headers


async def send_document(send: Send, http_status: int, headers: Headers, document: Document) -> None:
    """Send one JSON document."""
    body = _dump(document)
    described = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": http_status, "headers": described + headers})
    await send({"type": "http.response.body", "body": body})


async def _send_events(send: Send, headers: Headers, plan: Plan, events: Iterable[bytes]) -> None:
    described = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": described + headers})
    for number, event in enumerate(events):
        if number == plan.cut_after:
            return
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await asyncio.sleep(plan.gap_seconds)
    await send({"type": "http.response.body", "body": b""})


def _dump(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
