"""Mistral's own client library, for the suite of all of them, and how its server words what it says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from client_suite import PROMPT, Expected, first, first_async
from mistral_library import HTTP, Mistral, SDKError, retrying
from scripted_server import INPUT, OUTPUT, TEXT, Dialect, Document, Script, ScriptedServer, server_sent

PATH = "/v1/chat/completions"
_TLS = ssl.create_default_context()  # costs 30 ms, which every client would spend again
_ASKED: Any = {"messages": [{"role": "user", "content": PROMPT}], "temperature": 0.5, "max_tokens": 64}
# By how many tries there are to be.
_PATIENCE_MS = {1: None, 2: 200, 3: 5000}


def _usage(script: Script) -> Document:
    usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    return usage | {"prompt_tokens_details": {"cached_tokens": script.cached}}


def _whole(script: Script) -> Document:
    message = {"role": "assistant", "content": script.text}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": script.model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": _usage(script),
    }


def _events(script: Script) -> Iterator[Document]:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": script.model}
    for content in ("", *script.pieces):
        yield head | {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}
    last = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    yield head | {"choices": [last], "usage": _usage(script)}


def _error(status: int) -> Document:
    kind = "rate_limited" if status == 429 else "internal_server_error"
    return {"object": "error", "message": "Scripted.", "type": kind, "param": None, "code": "1300"}


DIALECT = Dialect(
    _whole,
    _events,
    _error,
    content_type="text/event-stream",
    frame=server_sent,
    end=b"data: [DONE]\n\n",
    request_id="mistral-correlation-id",
    refused=(("x-ratelimit-limit-req-minute", "60"), ("x-ratelimit-remaining-req-minute", "0")),
)
EXPECTED = Expected(
    provider="mistral",
    operation="chat",
    errors={"refused": SDKError, "failed": SDKError, "unreachable": HTTP.ConnectError, "slow": HTTP.ReadTimeout},
    codes={
        "failed": ("internal_server_error",),
        "unreachable": ("ConnectError",),
        "slow": ("ReadTimeout",),
        "cut": ("RemoteProtocolError",),
    },
    refused={"limit_requests": 60, "remaining_requests": 0},
    response=TEXT,
    tells_parameters=False,
)


class MistralCaller:
    """A client for each call."""

    expected = EXPECTED

    def __init__(self, server: ScriptedServer, is_async: bool, url: str = "") -> None:
        self._server, self._is_async, self._url = server, is_async, url or server.url

    def at(self, url: str) -> MistralCaller:
        return MistralCaller(self._server, self._is_async, url)

    def told(self) -> tuple[str, dict[str, int]]:
        return f"request-{self._server.requests}", self._server.told

    def unary(self, model: str, attempts: int = 3, timeout: float | None = None) -> Any:
        options = self._options(attempts, timeout)
        if not self._is_async:
            with HTTP.Client(verify=_TLS) as http:
                return Mistral(client=http, **options).chat.complete(model=model, **_ASKED)

        async def run(mistral: Any) -> Any:
            return await mistral.chat.complete_async(model=model, **_ASKED)

        return self._run(run, options)

    def stream(self, model: str, take: int | None = None, attempts: int = 3) -> tuple[Any, list[Any]]:
        options = self._options(attempts)
        if not self._is_async:
            with (
                HTTP.Client(verify=_TLS) as http,
                Mistral(client=http, **options).chat.stream(model=model, **_ASKED) as stream,
            ):
                return stream, first(stream, take)

        async def run(mistral: Any) -> tuple[Any, list[Any]]:
            async with await mistral.chat.stream_async(model=model, **_ASKED) as stream:
                return stream, await first_async(stream, take)

        return self._run(run, options)

    def cancelled(self, model: str, seconds: float) -> None:
        async def run(mistral: Any) -> None:
            await asyncio.wait_for(mistral.chat.complete_async(model=model, **_ASKED), seconds)

        self._run(run, self._options(1))

    @staticmethod
    def _run(run: Callable[[Any], Awaitable[Any]], options: dict[str, Any]) -> Any:
        async def main() -> Any:
            # The library would leave its own client open.
            async with HTTP.AsyncClient(verify=_TLS) as http:
                return await run(Mistral(async_client=http, **options))

        return asyncio.run(main())

    def _options(self, attempts: int, timeout: float | None = None) -> dict[str, Any]:
        return {
            "api_key": "key",
            "server_url": self._url,
            "timeout_ms": None if timeout is None else int(timeout * 1000),
            "retry_config": retrying(_PATIENCE_MS[attempts]),
        }


def open_caller(server: ScriptedServer, way: str, operation: str) -> MistralCaller:
    """The caller for one row of the suite."""
    return MistralCaller(server, way == "async")
