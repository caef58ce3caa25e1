"""The seam of botocore: `_send` of its endpoints, which its retries call, and a tee on the answers that are streamed.

A body that the app reads is never read here: what passes is written down as the app reads it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from tokentide.hooks._engine import Engine
from tokentide.hooks.attempt import Attempt

_MODELS: Final = "/model/"


def patch(module: ModuleType, engine: Engine) -> None:
    """Puts the hook around the sending of one request."""
    engine.replace(module.Endpoint, "_send", functools.partial(_watched, engine))


class _Address(str):
    """An address with the parts that the engine asks for."""

    __slots__ = ()

    @property
    def path(self) -> str:
        return urlsplit(str(self)).path

    @property
    def host(self) -> str:
        return urlsplit(str(self)).hostname or ""


class _Request:
    """botocore's prepared request in the words of the engine."""

    __slots__ = ("_prepared",)

    def __init__(self, prepared: Any) -> None:
        self._prepared = prepared

    @property
    def method(self) -> str:
        return str(self._prepared.method)

    @property
    def url(self) -> _Address:
        return _Address(self._prepared.url)

    @property
    def headers(self) -> Any:
        return self._prepared.headers

    @property
    def content(self) -> bytes:
        body = self._prepared.body
        return body.encode() if isinstance(body, str) else bytes(body) if isinstance(body, (bytes, bytearray)) else b""


def _watched(engine: Engine, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def send(self: Any, request: Any) -> Any:
        attempt = engine.guard.ask(_begin, engine, request)
        if attempt is None:
            return original(self, request)
        response = token = None
        try:
            token = engine.guard(engine.enter, attempt)
            response = original(self, request)
        finally:
            try:
                engine.guard(engine.leave, token)
            finally:  # a KeyboardInterrupt may come at any line
                if response is None:
                    engine.guard(engine.failed, attempt, sys.exc_info()[1])
        engine.guard(_answered, engine, attempt, response, request)
        return response

    return send


def _begin(engine: Engine, request: Any) -> Attempt | None:
    # Every service of Amazon's is called through here, and only Bedrock has models in its paths.
    return engine.begin(_Request(request)) if _MODELS in request.url else None


def _answered(engine: Engine, attempt: Attempt, response: Any, request: Any) -> None:
    engine.answered(attempt, response.status_code, response.headers)
    if request.stream_output:
        raw = response.raw
        kind: Any = type(raw)
        raw._tokentide = engine, None, None
        raw.__class__ = make_tee(kind)
        # Only now: the engine keeps what it watches until the tee tells of the end.
        raw._tokentide = engine, attempt, engine.watch(attempt)
    else:
        engine.complete(attempt, response.content)  # botocore has read it into memory already


@functools.cache
def make_tee(kind: Any) -> type[Any]:
    """A subclass of the raw response's class, so that the app gets the object, and the type, that it would have got.

    A tee ends with whatever comes first: exhaustion, an exception, `close()`, or being forgotten.
    """

    class Tee(kind):  # type: ignore[misc]  # the base class is known at run time only
        _tokentide_waits = False  # inside a read; urllib3 may close a broken response before it raises

        def read(self, *args: Any, **kwargs: Any) -> Any:
            engine, _, flow = self._tokentide
            if flow is not None:
                engine.guard(flow.resumed)
            data, self._tokentide_waits = None, True
            try:
                data = super().read(*args, **kwargs)
            finally:
                self._tokentide_waits = False
                if data is None:
                    engine.guard(_end, self, sys.exc_info()[0])
            if data and flow is not None:
                engine.guard(flow.add, data)
            engine.guard(_end_if_closed, self)
            return data

        def read_chunked(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
            engine, attempt, flow = self._tokentide
            if attempt is None:  # it is read on after its end
                yield from super().read_chunked(*args, **kwargs)
                return
            guard, exhausted = engine.guard, False
            self._tokentide_waits = True
            try:
                for chunk in super().read_chunked(*args, **kwargs):
                    guard(flow.add, chunk)
                    self._tokentide_waits = False
                    yield chunk
                    self._tokentide_waits = True
                    guard(flow.resumed)
                exhausted = True
            finally:
                self._tokentide_waits = False
                guard(_end, self, None if exhausted else sys.exc_info()[0])

        def close(self) -> None:
            try:
                super().close()
            finally:
                if not self._tokentide_waits:
                    self._tokentide[0].guard(_end, self, GeneratorExit)

        def __del__(self) -> None:
            self._tokentide[0].guard(_end, self, GeneratorExit)
            super().__del__()

    Tee.__name__, Tee.__qualname__, Tee.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    return Tee


def _end_if_closed(raw: Any) -> None:
    if raw.closed:  # urllib3 closes a response that it has read to the end
        _end(raw, None)


def _end(raw: Any, error: type[BaseException] | None) -> None:
    """The stream is over. The answer may live on; what was kept of it here must not."""
    engine, attempt, _ = raw._tokentide
    raw._tokentide = engine, None, None
    if attempt is not None:
        engine.stream_ended(attempt, error)
