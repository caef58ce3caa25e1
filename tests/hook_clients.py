"""The real client libraries behind one face, sync and async, so that one suite of tests runs with all of them."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
from client_suite import PROMPT, Expected, first, first_async

from server.demo.provider import ProviderLog, RunningProvider

_TLS = ssl.create_default_context()  # costs 30 ms, which every client would spend again

MESSAGES = [
    {"role": "user", "content": "An older question"},
    {"role": "assistant", "content": "An older answer"},
    {"role": "user", "content": PROMPT},
]


@dataclass(frozen=True)
class Api:
    """One method of one client library, with what it is asked beside the model.

    `prompt` and `response` are the texts of a call as they are captured, the response's beginning only.
    """

    operation: str
    package: Any
    sync_name: str
    async_name: str
    resource: tuple[str, ...]
    asked: dict[str, Any]
    asked_of_streams: dict[str, Any]
    method: str = "create"
    names_model: bool = True
    tells_cache: bool = True
    prompt: str = PROMPT
    response: str = f"You asked: {' '.join(message['content'] for message in MESSAGES)} This is"

    @property
    def expected(self) -> Expected:
        """What the suite must know of it."""
        package, limited = self.package, {"max_tokens", "max_completion_tokens", "max_output_tokens"} & set(self.asked)
        return Expected(
            provider="anthropic" if package is anthropic else "openai",
            operation=self.operation,
            errors={
                "refused": package.RateLimitError,
                "failed": package.InternalServerError,
                "unreachable": package.APIConnectionError,
                "slow": package.APITimeoutError,
            },
            codes={
                "failed": ("server_error", "api_error"),
                "unreachable": ("ConnectError",),
                "slow": ("ReadTimeout",),
                "cut": ("RemoteProtocolError",),
            },
            refused={"retry_after_ms": 20, "remaining_requests": 0},
            temperature=self.asked.get("temperature"),
            max_tokens=64 if limited else None,
            names_model=self.names_model,
            tells_cache=self.tells_cache,
            prompt=self.prompt,
            response=self.response,
        )

    def method_of(self, client: Any, form: str = "") -> Any:
        """The method, of the resource itself or of one of its forms, `with_raw_response` for example."""
        for name in (*self.resource, *([form] if form else []), self.method):
            client = getattr(client, name)
        return client

    def client(self, url: str, **options: Any) -> Any:
        """The library's sync client, with its own kind of HTTP client."""
        http_client = self.package.DefaultHttpxClient(verify=_TLS)
        return getattr(self.package, self.sync_name)(http_client=http_client, **self._connection(url), **options)

    def async_client(self, url: str, **options: Any) -> Any:
        http_client = self.package.DefaultAsyncHttpxClient(verify=_TLS)
        return getattr(self.package, self.async_name)(http_client=http_client, **self._connection(url), **options)

    def _connection(self, url: str) -> dict[str, Any]:
        return {"base_url": url if self.package is anthropic else f"{url}/v1", "api_key": "key"}


def _openai(operation: str, *resource: str, asked: dict[str, Any], **more: Any) -> Api:
    return Api(operation, openai, "OpenAI", "AsyncOpenAI", resource, asked, more.pop("asked_of_streams", {}), **more)


APIS = (
    _openai(
        "chat",
        "chat",
        "completions",
        asked={"messages": MESSAGES, "temperature": 0.5, "max_completion_tokens": 64},
        asked_of_streams={"stream_options": {"include_usage": True}},
    ),
    _openai("responses", "responses", asked={"input": MESSAGES, "temperature": 0.5, "max_output_tokens": 64}),
    _openai(
        "completions",
        "completions",
        asked={"prompt": PROMPT, "temperature": 0.5, "max_tokens": 64},
        asked_of_streams={"stream_options": {"include_usage": True}},
        response=f"You asked: {PROMPT} This is",
    ),
    _openai("embeddings", "embeddings", asked={"input": PROMPT}, tells_cache=False, response=""),
    _openai(
        "images",
        "images",
        asked={"prompt": PROMPT},
        method="generate",
        names_model=False,
        tells_cache=False,
        response="",
    ),
    _openai(
        "audio",
        "audio",
        "transcriptions",
        asked={"file": ("speech.wav", b"RIFF"), "prompt": PROMPT, "temperature": 0.5},
        names_model=False,
        tells_cache=False,
        prompt="",  # A form with a file is sent piece by piece and not kept.
        response=f"You asked: {PROMPT} This is",
    ),
    Api(
        "messages",
        anthropic,
        "Anthropic",
        "AsyncAnthropic",
        ("messages",),
        {"messages": MESSAGES, "max_tokens": 64},
        {},
    ),
)


class _Caller:
    """What both kinds share. The log is there when the server is one that keeps one."""

    def __init__(self, api: Api, url: str, log: ProviderLog | None = None) -> None:
        self.api, self.url, self.log = api, url, log
        self.expected = api.expected

    def at(self, url: str) -> Any:
        """The same client with another server."""
        return type(self)(self.api, url)

    def told(self) -> tuple[str, dict[str, int]]:
        """The id of the last answered request, and what was counted for it."""
        assert self.log is not None
        answered = self.log.answered[-1]
        return answered.request_id, answered.usage

    @staticmethod
    def options(attempts: int, timeout: float | None) -> dict[str, Any]:
        """The client's arguments for so many tries and so much time."""
        return {"max_retries": attempts - 1} | ({} if timeout is None else {"timeout": timeout})


class SyncCaller(_Caller):
    """Calls through the sync client. Every method returns what the app gets, or raises what the app sees."""

    def unary(self, model: str, attempts: int = 3, timeout: float | None = None) -> Any:
        with self.api.client(self.url, **self.options(attempts, timeout)) as opened:
            return self.api.method_of(opened)(model=model, **self.api.asked)

    def raw(self, model: str) -> tuple[Any, Any]:
        """The raw response and what it parses to."""
        with self.api.client(self.url) as opened:
            response = self.api.method_of(opened, "with_raw_response")(model=model, **self.api.asked)
            return response, response.parse()

    def streaming_response(self, model: str) -> bytes:
        with self.api.client(self.url) as opened:
            method = self.api.method_of(opened, "with_streaming_response")
            with method(model=model, **self.api.asked) as response:
                return response.read()

    def stream(self, model: str, take: int | None = None, attempts: int = 3) -> tuple[Any, list[Any]]:
        """The stream and its first `take` events, all of them unless given; then it is closed."""
        asked = self.api.asked | self.api.asked_of_streams
        with (
            self.api.client(self.url, **self.options(attempts, None)) as opened,
            self.api.method_of(opened)(model=model, stream=True, **asked) as stream,
        ):
            return stream, first(stream, take)


class AsyncCaller(_Caller):
    """The same through the async client, each call in an event loop of its own."""

    def unary(self, model: str, attempts: int = 3, timeout: float | None = None) -> Any:
        async def run(opened: Any) -> Any:
            return await self.api.method_of(opened)(model=model, **self.api.asked)

        return self._run(run, **self.options(attempts, timeout))

    def raw(self, model: str) -> tuple[Any, Any]:
        async def run(opened: Any) -> Any:
            response = await self.api.method_of(opened, "with_raw_response")(model=model, **self.api.asked)
            parsed = response.parse()
            return response, await parsed if inspect.isawaitable(parsed) else parsed

        return self._run(run)

    def streaming_response(self, model: str) -> bytes:
        async def run(opened: Any) -> Any:
            method = self.api.method_of(opened, "with_streaming_response")
            async with method(model=model, **self.api.asked) as response:
                return await response.read()

        return self._run(run)

    def stream(self, model: str, take: int | None = None, attempts: int = 3) -> tuple[Any, list[Any]]:
        async def run(opened: Any) -> Any:
            asked = self.api.asked | self.api.asked_of_streams
            async with await self.api.method_of(opened)(model=model, stream=True, **asked) as stream:
                return stream, await first_async(stream, take)

        return self._run(run, **self.options(attempts, None))

    def cancelled(self, model: str, seconds: float) -> None:
        """Makes a call and cancels it after a while. Raises TimeoutError."""

        async def run(opened: Any) -> Any:
            await asyncio.wait_for(self.api.method_of(opened)(model=model, **self.api.asked), seconds)

        self._run(run)

    def _run(self, run: Any, **client: Any) -> Any:
        async def main() -> Any:
            async with self.api.async_client(self.url, **client) as opened:
                return await run(opened)

        return asyncio.run(main())


Caller = SyncCaller | AsyncCaller


def open_caller(server: RunningProvider, way: str, operation: str) -> Caller:
    """The caller for one row of the suite."""
    api = next(api for api in APIS if api.operation == operation)
    return (AsyncCaller if way == "async" else SyncCaller)(api, server.url, server.log)
