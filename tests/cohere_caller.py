"""Cohere's own client library, for the suite of all of them, and how its server words what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, closing
from typing import Any

import cohere
import httpx
from client_suite import PROMPT, Expected, first, first_async
from cohere.errors import InternalServerError, TooManyRequestsError
from scripted_server import INPUT, OUTPUT, TEXT, Dialect, Document, Script, ScriptedServer, server_sent

PATH = "/v2/chat"
_ASKED: Any = {"messages": [{"role": "user", "content": PROMPT}], "temperature": 0.5, "max_tokens": 64}


def _usage(script: Script) -> Document:
    billed = {"input_tokens": INPUT, "output_tokens": OUTPUT}
    return {"billed_units": billed, "tokens": {"input_tokens": 506, "output_tokens": 9}, "cached_tokens": script.cached}


def _whole(script: Script) -> Document:
    message = {"role": "assistant", "content": [{"type": "text", "text": script.text}]}
    return {"id": "c1", "finish_reason": "COMPLETE", "message": message, "usage": _usage(script)}


def _events(script: Script) -> Iterator[Document]:
    yield {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}}
    yield {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}
    for piece in script.pieces:
        yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}
    yield {"type": "content-end", "index": 0}
    yield {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": _usage(script)}}


def _error(status: int) -> Document:
    return {"message": "Scripted.", "id": "e1"}


DIALECT = Dialect(
    _whole,
    _events,
    _error,
    content_type="text/event-stream",
    frame=server_sent,
    request_id="x-debug-trace-id",
    refused=(
        ("retry-after-ms", "20"),
        ("x-trial-endpoint-call-limit", "20"),
        ("x-trial-endpoint-call-remaining", "0"),
    ),
)
EXPECTED = Expected(
    provider="cohere",
    operation="chat",
    errors={
        "refused": TooManyRequestsError,
        "failed": InternalServerError,
        "unreachable": httpx.ConnectError,
        "slow": httpx.ReadTimeout,
    },
    codes={
        "failed": ("",),
        "unreachable": ("ConnectError",),
        "slow": ("ReadTimeout",),
        "cut": ("RemoteProtocolError",),
    },
    refused={"retry_after_ms": 20, "limit_requests": 20, "remaining_requests": 0},
    names_model=False,
    response=TEXT,
    tells_parameters=False,
    late=True,
)


class CohereCaller:
    """A client for each call."""

    expected = EXPECTED

    def __init__(self, server: ScriptedServer, is_async: bool, url: str = "") -> None:
        self._server, self._is_async, self._url = server, is_async, url or server.url

    def at(self, url: str) -> CohereCaller:
        return CohereCaller(self._server, self._is_async, url)

    def told(self) -> tuple[str, dict[str, int]]:
        return f"request-{self._server.requests}", self._server.told

    def unary(self, model: str, attempts: int = 3, timeout: float | None = None) -> Any:
        asked = {"model": model, "request_options": {"max_retries": attempts - 1}, **_ASKED}
        options = {"api_key": "key", "base_url": self._url, "timeout": timeout}
        if not self._is_async:
            with httpx.Client() as http:
                return cohere.ClientV2(httpx_client=http, **options).chat(**asked)

        async def run() -> Any:
            async with httpx.AsyncClient() as http:
                return await cohere.AsyncClientV2(httpx_client=http, **options).chat(**asked)

        return asyncio.run(run())

    def stream(self, model: str, take: int | None = None, attempts: int = 3) -> tuple[Any, list[Any]]:
        asked = {"model": model, **_ASKED}
        if not self._is_async:
            with httpx.Client() as http:
                client = cohere.ClientV2("key", base_url=self._url, httpx_client=http)
                with closing(client.chat_stream(**asked)) as stream:  # type: ignore[type-var]  # it is a generator
                    return stream, first(stream, take)

        async def run() -> tuple[Any, list[Any]]:
            async with httpx.AsyncClient() as http:
                client = cohere.AsyncClientV2("key", base_url=self._url, httpx_client=http)
                async with aclosing(client.chat_stream(**asked)) as stream:  # type: ignore[type-var]  # as above
                    return stream, await first_async(stream, take)

        return asyncio.run(run())

    def cancelled(self, model: str, seconds: float) -> None:
        async def run() -> None:
            async with httpx.AsyncClient() as http:
                client = cohere.AsyncClientV2("key", base_url=self._url, httpx_client=http)
                await asyncio.wait_for(client.chat(model=model, **_ASKED), seconds)

        asyncio.run(run())


def open_caller(server: ScriptedServer, way: str, operation: str) -> CohereCaller:
    """The caller for one row of the suite."""
    return CohereCaller(server, way == "async")
