"""A server in memory for the real HTTP and client libraries: it gives every request the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import openai

# The HTTP library that the client libraries of this environment are built on: httpx, or httpx2 since their last majors.
HTTP: Any = import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])

JSON = "application/json"
EVENTS = "text/event-stream"


def answering(
    body: Any, headers: Mapping[str, str] | None = None, http_status: int = 200, content_type: str = JSON
) -> Any:
    """`body` is bytes as they are sent, or a document."""
    content = body if isinstance(body, bytes) else dumped(body)
    described = {"content-type": content_type, **(headers or {})}
    return HTTP.MockTransport(lambda request: HTTP.Response(http_status, headers=described, content=iter([content])))


def streaming(events: Iterable[Any], headers: Mapping[str, str] | None = None, end: bytes = b"") -> Any:
    """The events as they are streamed, one piece each."""
    pieces = [b"data: " + dumped(event) + b"\n\n" for event in events] + ([end] if end else [])
    described = {"content-type": EVENTS, **(headers or {})}
    return HTTP.MockTransport(lambda request: HTTP.Response(200, headers=described, content=iter(pieces)))


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()
