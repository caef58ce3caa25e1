"""A server in memory for the real HTTP and client libraries: it gives every request the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx2

JSON = "application/json"
EVENTS = "text/event-stream"


def answering(
    body: Any, headers: Mapping[str, str] | None = None, http_status: int = 200, content_type: str = JSON
) -> httpx2.MockTransport:
    """`body` is bytes as they are sent, or a document."""
    content = body if isinstance(body, bytes) else dumped(body)
    described = {"content-type": content_type, **(headers or {})}
    return httpx2.MockTransport(
        lambda request: httpx2.Response(http_status, headers=described, content=iter([content]))
    )


def streaming(
    events: Iterable[Any], headers: Mapping[str, str] | None = None, end: bytes = b""
) -> httpx2.MockTransport:
    """The events as they are streamed, one piece each."""
    pieces = [b"data: " + dumped(event) + b"\n\n" for event in events] + ([end] if end else [])
    described = {"content-type": EVENTS, **(headers or {})}
    return httpx2.MockTransport(lambda request: httpx2.Response(200, headers=described, content=iter(pieces)))


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()
