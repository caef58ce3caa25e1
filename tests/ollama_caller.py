"""Ollama's own client library, for the suite of all of them, and how its server words what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

import httpx
import ollama
from client_suite import PROMPT, Expected, first, first_async
from scripted_server import INPUT, OUTPUT, TEXT, Dialect, Document, Script, ScriptedServer, line

PATH = "/api/chat"
_ASKED: Any = {
    "messages": [{"role": "user", "content": PROMPT}],
    "options": {"temperature": 0.5, "num_predict": 64},
}


def _line(script: Script, content: str, **more: object) -> Document:
    return {"model": script.model, "done": False, "message": {"role": "assistant", "content": content}, **more}


def _whole(script: Script) -> Document:
    counts = {"prompt_eval_count": INPUT, "eval_count": OUTPUT, "eval_duration": 2000000}
    return _line(script, script.text, done=True, done_reason="stop", **counts)


def _events(script: Script) -> Iterator[Document]:
    for piece in ("", *script.pieces):
        yield _line(script, piece)
    yield _whole(script._replace(text=""))


def _error(status: int) -> Document:
    return {"error": "scripted"}


DIALECT = Dialect(_whole, _events, _error, content_type="application/x-ndjson", frame=line)
EXPECTED = Expected(
    provider="ollama",
    operation="chat",
    errors={
        "refused": ollama.ResponseError,
        "failed": ollama.ResponseError,
        "unreachable": ConnectionError,
        "slow": httpx.ReadTimeout,
    },
    codes={
        "failed": ("error",),
        "unreachable": ("ConnectError",),
        "slow": ("ReadTimeout",),
        "cut": ("RemoteProtocolError",),
    },
    response=TEXT,
    tells_parameters=False,
    tells_cache=False,
    late=True,
)


class OllamaCaller:
    """A client for each call. It never tries again."""

    expected = EXPECTED

    def __init__(self, server: ScriptedServer, is_async: bool, url: str = "") -> None:
        self._server, self._is_async, self._url = server, is_async, url or server.url

    def at(self, url: str) -> OllamaCaller:
        return OllamaCaller(self._server, self._is_async, url)

    def told(self) -> tuple[str, dict[str, int]]:
        return "", self._server.told

    def unary(self, model: str, attempts: int = 1, timeout: float | None = None) -> Any:
        if not self._is_async:
            with ollama.Client(host=self._url, timeout=timeout) as client:
                return client.chat(model=model, **_ASKED)

        async def run(client: ollama.AsyncClient) -> Any:
            return await client.chat(model=model, **_ASKED)

        return self._run(run, timeout)

    def stream(self, model: str, take: int | None = None, attempts: int = 1) -> tuple[Any, list[Any]]:
        asked = {"model": model, "stream": True, **_ASKED}
        if not self._is_async:
            with ollama.Client(host=self._url) as client, closing(client.chat(**asked)) as stream:
                return stream, first(stream, take)

        async def run(client: ollama.AsyncClient) -> tuple[Any, list[Any]]:
            async with aclosing(await client.chat(**asked)) as stream:
                return stream, await first_async(stream, take)

        return self._run(run)

    def cancelled(self, model: str, seconds: float) -> None:
        async def run(client: ollama.AsyncClient) -> None:
            await asyncio.wait_for(client.chat(model=model, **_ASKED), seconds)

        self._run(run)

    def _run(self, run: Callable[[ollama.AsyncClient], Awaitable[Any]], timeout: float | None = None) -> Any:
        async def main() -> Any:
            client = ollama.AsyncClient(host=self._url, timeout=timeout)
            try:
                return await run(client)
            finally:
                await client.close()

        return asyncio.run(main())


def open_caller(server: ScriptedServer, way: str, operation: str) -> OllamaCaller:
    """The caller for one row of the suite."""
    return OllamaCaller(server, way == "async")
