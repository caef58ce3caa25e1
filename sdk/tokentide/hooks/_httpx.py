"""The seam of httpx and httpx2: `send` of their clients, and tees on the byte streams that it returns.

A tee writes down what passes and changes nothing of it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from tokentide.hooks._engine import Engine, request_body
from tokentide.hooks._include_usage import asking_for_usage, covered, make_covers
from tokentide.hooks.attempt import MOST_PASSED, Attempt, Flow, clock


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
        attempt = engine.guard.ask(engine.begin, request)
        if attempt is None:
            return original(self, request, *args, **kwargs)
        is_stream = kwargs.get("stream", False)
        asks = is_stream and engine.usage_hosts  # an answer that is read at once cannot be covered
        asking = engine.guard.ask(asking_for_usage, request, engine.usage_hosts) if asks else None
        response = token = None
        try:
            token = engine.guard(engine.enter, attempt)
            response = original(self, asking or request, *args, **kwargs)
        finally:
            try:
                engine.guard(engine.leave, token)
            finally:  # a KeyboardInterrupt may come at any line
                if response is None:
                    engine.guard(engine.failed, attempt, sys.exc_info()[1])
        engine.guard(_answered, engine, attempt, response, is_stream, streams)
        if asking is not None:
            engine.guard(covered, streams.cover, response)
        return response

    return send


def _watched_async(engine: Engine, streams: _Streams, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = engine.guard.ask(engine.begin, request)
        if attempt is None:
            return await original(self, request, *args, **kwargs)
        is_stream = kwargs.get("stream", False)
        asks = is_stream and engine.usage_hosts  # an answer that is read at once cannot be covered
        asking = engine.guard.ask(asking_for_usage, request, engine.usage_hosts) if asks else None
        response = token = None
        try:
            token = engine.guard(engine.enter, attempt)
            response = await original(self, asking or request, *args, **kwargs)
        finally:
            try:
                engine.guard(engine.leave, token)
            finally:  # a KeyboardInterrupt may come at any line
                if response is None:
                    engine.guard(engine.failed, attempt, sys.exc_info()[1])
        engine.guard(_answered, engine, attempt, response, is_stream, streams)
        if asking is not None:
            engine.guard(covered, streams.cover, response)
        return response

    return send


def _answered(engine: Engine, attempt: Attempt, response: Any, is_stream: bool, streams: _Streams) -> None:
    engine.answered(attempt, response.status_code, response.headers)
    if is_stream and not response.is_closed:
        response.stream = streams.tee(response.stream, attempt, engine.watch(attempt))
    else:
        engine.complete(attempt, request_body(response))


def make_tees(module: ModuleType, engine: Engine) -> tuple[type[Any], type[Any]]:
    """A sync and an async tee for one of the two libraries, as subclasses of that library's stream classes.

    A tee ends with whatever comes first: exhaustion, an exception, the app leaving the loop, `close()`, or, for a
    stream that nobody read, being forgotten.
    """
    return _sync_tee(module.SyncByteStream, engine), _async_tee(module.AsyncByteStream, engine)


def _sync_tee(stream: type[Any], engine: Engine) -> type[Any]:
    class SyncTee(stream):  # type: ignore[misc]  # the base class is known at run time only
        def __init__(self, inner: Any, attempt: Attempt, flow: Flow) -> None:
            self._inner = inner
            self._watched: tuple[Attempt, Flow] | None = attempt, flow

        def __getattr__(self, name: str) -> Any:
            # What the library's own streams tell beside their bytes, such as `elapsed`.
            return getattr(object.__getattribute__(self, "_inner"), name)

        def __iter__(self) -> Iterator[bytes]:
            if self._watched is None:  # it is read on after its end
                yield from self._inner
                return
            flow, guard, failed, exhausted = self._watched[1], engine.guard, False, False
            passed, room, asked = flow.passed, flow.room, 0
            now, most = clock, MOST_PASSED  # between two chunks a busy machine forgets where the module has them
            try:
                for chunk in self._inner:
                    try:
                        room -= len(chunk)  # as in Flow.add
                        if room >= 0 and len(passed) < most:
                            passed += (asked, now(), chunk)
                        else:
                            flow.room = room
                            flow.add_late(chunk, asked)
                    except Exception as error:  # noqa: BLE001  # as in the guard, which costs more
                        failed = True
                        guard.failed(Flow.add, error)
                    yield chunk
                    asked = now()
                exhausted = True
                guard(flow.resumed, asked)
                if not failed:
                    guard.succeeded(Flow.add)
            finally:
                guard(_end, engine, self, None if exhausted else sys.exc_info()[0])

        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                engine.guard(_end, engine, self, GeneratorExit)

        def __del__(self) -> None:
            engine.guard(_end, engine, self, GeneratorExit)

    return SyncTee


def _async_tee(stream: type[Any], engine: Engine) -> type[Any]:
    class AsyncTee(stream):  # type: ignore[misc]  # as above
        def __init__(self, inner: Any, attempt: Attempt, flow: Flow) -> None:
            self._inner = inner
            self._watched: tuple[Attempt, Flow] | None = attempt, flow

        def __getattr__(self, name: str) -> Any:
            return getattr(object.__getattribute__(self, "_inner"), name)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            if self._watched is None:
                async for chunk in self._inner:
                    yield chunk
                return
            flow, guard, failed, exhausted = self._watched[1], engine.guard, False, False
            passed, room, asked = flow.passed, flow.room, 0
            now, most = clock, MOST_PASSED  # between two chunks a busy machine forgets where the module has them
            inner = self._inner.__aiter__()
            try:
                async for chunk in inner:
                    try:
                        room -= len(chunk)  # as in Flow.add
                        if room >= 0 and len(passed) < most:
                            passed += (asked, now(), chunk)
                        else:
                            flow.room = room
                            flow.add_late(chunk, asked)
                    except Exception as error:  # noqa: BLE001  # as above
                        failed = True
                        guard.failed(Flow.add, error)
                    yield chunk
                    asked = now()
                exhausted = True
                guard(flow.resumed, asked)
                if not failed:
                    guard.succeeded(Flow.add)
            finally:
                guard(_end, engine, self, None if exhausted else sys.exc_info()[0])
                # Left to the event loop, its end would come later and in another task.
                if isinstance(inner, AsyncGenerator):
                    await inner.aclose()

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                engine.guard(_end, engine, self, GeneratorExit)

        def __del__(self) -> None:
            engine.guard(_end, engine, self, GeneratorExit)

    return AsyncTee


def _end(engine: Engine, tee: Any, error: type[BaseException] | None) -> None:
    """The stream is over. The answer may live on; what was kept of it here must not."""
    watched, tee._watched = tee._watched, None
    if watched is not None:
        engine.stream_ended(watched[0], error)
