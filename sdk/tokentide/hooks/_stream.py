"""Tees on the byte streams of httpx and httpx2: they write down what passes and change nothing of it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any, Protocol

from tokentide.hooks.attempt import Attempt, Flow


class Watcher(Protocol):
    """The part of the engine that a tee talks to."""

    def guard(self, step: Any, *arguments: Any) -> Any:
        """Runs a step of ours whose failure must not reach the app."""

    def stream_ended(self, attempt: Attempt, error: type[BaseException] | None) -> None:
        """The stream is over: exhausted without an error, or left with one."""


def make_tees(module: ModuleType, engine: Watcher) -> tuple[type[Any], type[Any]]:
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
