"""Every client library behind one face, so that one suite of tests runs with all of them: this is its table.

A row is imported when it is used, because an environment need not have all of the libraries.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

PROMPT: Final = "How do I top up my card?"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the suite must know of one operation of a client library.

    `refused` is what the record of a refused attempt says of limits. `errors` are the classes that the app sees, by
    what happened; `codes` are the `error_code`s of the records. `late`: a stream is asked for when it is first read.
    `tells_parameters`: the library hands them to the hook; else up to 16 KiB of the request wait for the worker.
    """

    provider: str
    operation: str
    errors: Mapping[str, Any]
    codes: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, Any] = field(default_factory=dict)
    temperature: float | None = 0.5
    max_tokens: int | None = 64
    names_model: bool = True
    tells_cache: bool = True
    tells_parameters: bool = True
    prompt: str = PROMPT
    response: str = ""
    late: bool = False


class Caller(Protocol):
    """Calls through one client library. Every method returns what the app gets, or raises what the app sees."""

    expected: Expected

    def unary(self, model: str, attempts: int = 3, timeout: float | None = None) -> Any:
        """The answer to a plain call, tried so often at most."""

    def stream(self, model: str, take: int | None = None, attempts: int = 3) -> tuple[Any, list[Any]]:
        """The stream and its first `take` events, all of them unless given; then it is closed."""

    def told(self) -> tuple[str, dict[str, int]]:
        """What the server told last: the request's id, empty if it tells none, and the counts in the event's words."""

    def at(self, url: str) -> Caller:
        """The same client with another server."""


class Cancelling(Caller, Protocol):
    """An asynchronous one."""

    def cancelled(self, model: str, seconds: float) -> None:
        """Makes a call and cancels it after a while. Raises TimeoutError."""


def first(stream: Iterable[Any], take: int | None) -> list[Any]:
    """The first `take` events of a stream, all of them for None; it is not touched for 0."""
    events: list[Any] = []
    for event in stream if take != 0 else ():
        events.append(event)
        if len(events) == take:
            break
    return events


async def first_async(stream: AsyncIterable[Any], take: int | None) -> list[Any]:
    """The same of an asynchronous stream."""
    events: list[Any] = []
    if take != 0:
        async for event in stream:
            events.append(event)
            if len(events) == take:
                break
    return events


class Row(NamedTuple):
    """`place` is `module:function`, called with the server of the named fixture, the way and the `operation`."""

    place: str
    server: str
    operation: str
    ways: tuple[str, ...] = ("sync", "async")
    streams: bool = True
    retries: bool = True
    retries_streams: bool = True
    has_raw: bool = False


def _stainless(operation: str, **more: Any) -> Row:
    return Row("hook_clients:open_caller", "provider", operation, has_raw=True, **more)


_GEMINI_WAYS: Final = ("sync-httpx2", "sync-httpx", "async-httpx2", "async-httpx", "async-aiohttp")
ROWS: Final = {
    "openai.chat": _stainless("chat"),
    "openai.responses": _stainless("responses"),
    "openai.completions": _stainless("completions"),
    "openai.embeddings": _stainless("embeddings", streams=False),
    "openai.images": _stainless("images", streams=False),
    "openai.audio": _stainless("audio", streams=False),
    "anthropic.messages": _stainless("messages"),
    "google.generate": Row("gemini_caller:open_caller", "gemini", "generate_content", _GEMINI_WAYS),
    "bedrock.converse": Row("bedrock_clients:open_caller", "bedrock_at_once", "chat", ("sync",)),
    "bedrock.invoke": Row("bedrock_clients:open_caller", "bedrock_at_once", "generate", ("sync",)),
    "mistral.chat": Row("mistral_caller:open_caller", "scripted", "chat"),
    "cohere.chat": Row("cohere_caller:open_caller", "scripted", "chat", retries_streams=False),
    "ollama.chat": Row("ollama_caller:open_caller", "scripted", "chat", retries=False, retries_streams=False),
}


class Way(NamedTuple):
    """One row in one of its ways: a parameter of the suite."""

    name: str
    row: Row
    way: str

    def __str__(self) -> str:
        return f"{self.name}-{self.way}"


WAYS: Final = [Way(name, row, way) for name, row in ROWS.items() for way in row.ways]
