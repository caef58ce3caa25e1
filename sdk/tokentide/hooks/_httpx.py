"""The seam of httpx and httpx2: `send` of their clients, and tees on the byte streams that it returns.

A tee writes down what passes and changes nothing of it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from tokentide.hooks._engine import Engine, request_body
from tokentide.hooks._include_usage import asking_for_usage, make_covers
from tokentide.hooks.attempt import Attempt, Flow


def patch(module: ModuleType, engine: Engine) -> None:
    """Puts the hook around `send` of both kinds of clients."""
    tees, covers = make_tees(module, engine), make_covers(module, engine)
    sync_streams, async_streams = zip(tees, covers, strict=True)
    engine.replace(module.Client, "send", functools.partial(_watched, engine, _Streams(*sync_streams)))
    engine.replace(module.AsyncClient, "send", functools.partial(_watched_async, engine, _Streams(*async_streams)))


class _Streams(NamedTuple):
    tee: type[Any]
    cover: type[Any]


def _watched(engine: Engine, streams: _Streams, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = engine.guard(engine.begin, request)
        if attempt is None:
            return original(self, request, *args, **kwargs)
        asking = engine.guard(asking_for_usage, request, engine.usage_hosts) if engine.usage_hosts else None
        response = None
        token = engine.guard(engine.enter, attempt)
        try:
            response = original(self, asking or request, *args, **kwargs)
        finally:
            engine.guard(engine.leave, token)
            if response is None:
                engine.guard(engine.failed, attempt, sys.exc_info()[1])
        engine.guard(_answered, engine, attempt, response, kwargs.get("stream", False), streams)
        if asking is not None:
            engine.guard(_cover, streams.cover, response)
        return response

    return send


def _watched_async(engine: Engine, streams: _Streams, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = engine.guard(engine.begin, request)
        if attempt is None:
            return await original(self, request, *args, **kwargs)
        asking = engine.guard(asking_for_usage, request, engine.usage_hosts) if engine.usage_hosts else None
        response = None
        token = engine.guard(engine.enter, attempt)
        try:
            response = await original(self, asking or request, *args, **kwargs)
        finally:
            engine.guard(engine.leave, token)
            if response is None:
                engine.guard(engine.failed, attempt, sys.exc_info()[1])
        engine.guard(_answered, engine, attempt, response, kwargs.get("stream", False), streams)
        if asking is not None:
            engine.guard(_cover, streams.cover, response)
        return response

    return send


def _answered(engine: Engine, attempt: Attempt, response: Any, is_stream: bool, streams: _Streams) -> None:
    engine.answered(attempt, response.status_code, response.headers)
    if is_stream and not response.is_closed:
        response.stream = streams.tee(response.stream, attempt, engine.watch(attempt))
    else:
        engine.complete(attempt, request_body(response))


def _cover(cover: type[Any], response: Any) -> None:
    is_events = response.headers.get("content-type", "").startswith("text/event-stream")
    if is_events and "content-encoding" not in response.headers and not response.is_closed:
        response.stream = cover(response.stream)


def make_tees(module: ModuleType, engine: Engine) -> tuple[type[Any], type[Any]]:
    """A sync and an async tee for one of the two libraries, as subclasses of that library's stream classes.

    A tee ends with whatever comes first: exhaustion, an exception, the app leaving the loop, `close()`, or, for a
    stream that nobody read, being forgotten.
    """

    class SyncTee(module.SyncByteStream):  # type: ignore[misc, name-defined]  # the base class is known at run time only
        def __init__(self, inner: Any, attempt: Attempt, flow: Flow) -> None:
            self._inner, self._attempt, self._flow = inner, attempt, flow

        def __iter__(self) -> Iterator[bytes]:
            flow, guard, exhausted = self._flow, engine.guard, False
            try:
                for chunk in self._inner:
                    guard(flow.add, chunk)
                    yield chunk
                    guard(flow.resumed)
                exhausted = True
            finally:
                guard(engine.stream_ended, self._attempt, None if exhausted else sys.exc_info()[0])

        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                engine.guard(engine.stream_ended, self._attempt, GeneratorExit)

        def __del__(self) -> None:
            engine.guard(engine.stream_ended, self._attempt, GeneratorExit)

    class AsyncTee(module.AsyncByteStream):  # type: ignore[misc, name-defined]  # as above
        def __init__(self, inner: Any, attempt: Attempt, flow: Flow) -> None:
            self._inner, self._attempt, self._flow = inner, attempt, flow

        async def __aiter__(self) -> AsyncIterator[bytes]:
            flow, guard, exhausted = self._flow, engine.guard, False
            try:
                async for chunk in self._inner:
                    guard(flow.add, chunk)
                    yield chunk
                    guard(flow.resumed)
                exhausted = True
            finally:
                guard(engine.stream_ended, self._attempt, None if exhausted else sys.exc_info()[0])

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                engine.guard(engine.stream_ended, self._attempt, GeneratorExit)

        def __del__(self) -> None:
            engine.guard(engine.stream_ended, self._attempt, GeneratorExit)

    return SyncTee, AsyncTee
