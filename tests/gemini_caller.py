"""Google's own client library, for the suite of all of them: through httpx and httpx2, and through aiohttp."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import aclosing, closing
from typing import Any

import httpx
import httpx2
from client_suite import PROMPT, Expected, first, first_async
from gemini_server import GeminiLog, RunningGemini
from google import genai
from google.genai import types
from google.genai.errors import ClientError, ServerError

CONTENTS = [
    {"role": "user", "parts": [{"text": "An older question"}]},
    {"role": "model", "parts": [{"text": "An older answer"}]},
    {"role": "user", "parts": [{"text": PROMPT}]},
]
_ASKED: Any = {"contents": CONTENTS, "config": {"temperature": 0.5, "max_output_tokens": 64}}
_LIBRARIES = {"httpx2": httpx2, "httpx": httpx, "aiohttp": None}
_TLS = ssl.create_default_context()  # costs 60 ms, which every client would spend again
EXPECTED = Expected(
    provider="gemini",
    operation="generate_content",
    errors={"refused": ClientError, "failed": ServerError, "unreachable": Exception, "slow": Exception},
    codes={
        "failed": ("INTERNAL",),
        "unreachable": ("ConnectError", "ClientConnectorError"),
        "slow": ("ReadTimeout", "TimeoutError"),
        "cut": ("RemoteProtocolError", "ClientPayloadError"),
    },
    refused={"retry_after_ms": 20, "limit_requests": 10, "error_code": "RESOURCE_EXHAUSTED"},
    response=f"You asked: An older question An older answer {PROMPT} This is",
    late=True,
)


class GeminiCaller:
    """Calls through one HTTP library, with a client for each."""

    expected = EXPECTED

    def __init__(self, url: str, library: Any, is_async: bool, log: GeminiLog | None = None) -> None:
        self.url, self.library, self.is_async, self.log = url, library, is_async, log

    def at(self, url: str) -> GeminiCaller:
        return GeminiCaller(url, self.library, self.is_async)

    def told(self) -> tuple[str, dict[str, int]]:
        assert self.log is not None
        return "", self.log.usages[-1]

    def client(self, attempts: int = 3, timeout: float | None = None, **options: Any) -> genai.Client:
        sync: dict[str, Any] = {"verify": _TLS}
        asynchronous: dict[str, Any] = {"verify": _TLS, "ssl": _TLS}
        if self.library is not None:
            sync["transport"] = self.library.HTTPTransport(verify=_TLS)
            asynchronous["transport"] = self.library.AsyncHTTPTransport(verify=_TLS)
        waits = types.HttpRetryOptions(attempts=attempts, initial_delay=0.01, max_delay=0.02, jitter=0.01)
        http_options = types.HttpOptions(
            base_url=self.url,
            retry_options=waits,
            timeout=None if timeout is None else int(timeout * 1000),
            client_args=sync,
            async_client_args=asynchronous,
        )
        return genai.Client(**{"api_key": "key", "http_options": http_options} | options)

    def unary(self, model: str, attempts: int = 3, timeout: float | None = None, **options: Any) -> Any:
        return self.call("generate_content", model, _ASKED, attempts=attempts, timeout=timeout, **options)

    def call(self, method: str, model: str, asked: Any, **options: Any) -> Any:
        """The answer of any method of the models."""
        if not self.is_async:
            with self.client(**options) as opened:
                return getattr(opened.models, method)(model=model, **asked)

        async def run(aio: Any) -> Any:
            return await getattr(aio.models, method)(model=model, **asked)

        return self.run(run, **options)

    def stream(self, model: str, take: int | None = None, attempts: int = 3, **options: Any) -> tuple[Any, list[Any]]:
        if not self.is_async:
            with (
                self.client(attempts, **options) as opened,
                closing(opened.models.generate_content_stream(model=model, **_ASKED)) as stream,  # type: ignore[type-var]  # it is a generator
            ):
                return stream, first(stream, take)

        async def run(aio: Any) -> tuple[Any, list[Any]]:
            async with aclosing(await aio.models.generate_content_stream(model=model, **_ASKED)) as stream:
                return stream, await first_async(stream, take)

        return self.run(run, attempts=attempts, **options)

    def cancelled(self, model: str, seconds: float) -> None:
        async def run(aio: Any) -> None:
            await asyncio.wait_for(aio.models.generate_content(model=model, **_ASKED), seconds)

        self.run(run)

    def run(self, run: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
        """What `run` does with the asynchronous client."""

        async def main() -> Any:
            async with self.client(**options).aio as aio:
                return await run(aio)

        return asyncio.run(main())


def open_caller(server: RunningGemini, way: str, operation: str) -> GeminiCaller:
    """The caller for one row of the suite."""
    kind, _, library = way.partition("-")
    return GeminiCaller(server.url, _LIBRARIES[library], kind == "async", server.log)
