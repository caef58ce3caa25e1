"""The seam of aiohttp: `_request` of its sessions, and a tee on the content of the answer.

A session returns when the headers are there. What comes after is read by the app, at once or piece by piece: the tee
writes down what passes and changes nothing of it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from tokentide.hooks._engine import Engine
from tokentide.hooks.attempt import BODY_BYTES, Attempt, Flow

_READS: Final = ("read", "readany", "readchunk", "readexactly", "readline", "readuntil")
_ITERATORS: Final = ("iter_any", "iter_chunked", "iter_chunks")
_POST: Final = ("POST", "post")
_ENCODING: Final = "content-encoding"


def patch(module: ModuleType, engine: Engine) -> None:
    """Puts the hook around what every method of a session calls."""
    tee = make_tee(module.StreamReader, engine)
    engine.replace(module.ClientSession, "_request", functools.partial(_watched, engine, tee))


def _watched(engine: Engine, tee: type[Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def request(self: Any, method: str, str_or_url: Any, **kwargs: Any) -> Any:
        attempt = engine.guard.ask(_begin, engine, self, method, str_or_url, kwargs)
        if attempt is None:
            return await original(self, method, str_or_url, **kwargs)
        response = token = None
        try:
            token = engine.guard(engine.enter, attempt)
            response = await original(self, method, str_or_url, **kwargs)
        finally:
            try:
                engine.guard(engine.leave, token)
            finally:  # a KeyboardInterrupt may come at any line
                if response is None:
                    engine.guard(_failed, engine, attempt, sys.exc_info()[1])
        engine.guard(_answered, engine, tee, attempt, response, self, kwargs)
        return response

    return request


def _begin(engine: Engine, session: Any, method: str, url: Any, options: dict[str, Any]) -> Attempt | None:
    if method not in _POST:
        return None
    try:
        asked = _Request(session, url, options)
    except (TypeError, ValueError):  # no address: the session will say so
        return None
    return engine.begin(asked)


def _failed(engine: Engine, attempt: Attempt, error: BaseException | None) -> None:
    headers = getattr(error, "headers", None)
    if headers is not None:  # the session was asked to raise an answer's status
        attempt.http_status, attempt.headers = getattr(error, "status", 0), headers
    engine.failed(attempt, error)


def _answered(
    engine: Engine, tee: type[Any], attempt: Attempt, response: Any, session: Any, options: dict[str, Any]
) -> None:
    headers, unpacks = response.headers, options.get("auto_decompress")
    encoding = headers.get(_ENCODING, "")
    # It unpacks one encoding, and leaves a list of them as it is.
    if encoding and "," not in encoding and (session.auto_decompress if unpacks is None else unpacks):
        headers = {name: value for name, value in headers.items() if name.lower() != _ENCODING}
    engine.answered(attempt, response.status, headers)
    if response.content.at_eof():
        # There is none, or it was read by what looks at the status.
        engine.complete(attempt, response._body or b"")
    else:
        response.content = tee(response.content, attempt, engine.watch(attempt))


def _passed(engine: Engine, tee: Any, read: Any, at_once: bool) -> None:
    """Something was read, or, if it is None, reading failed."""
    content, attempt, flow = tee.watched
    if attempt is None:
        return
    if read is None:
        kind, error, _ = sys.exc_info()
        read = getattr(error, "partial", None)  # the content ended before as much was read as was asked for
        if read is None:
            # A read that is cancelled may be tried again. If it is not, this is why the answer was left.
            attempt.error = kind
            if content.exception() is not None:
                _end(engine, tee, kind)
            return
    attempt.error = None
    chunk: bytes = read if isinstance(read, bytes) else read[0]
    is_over = content.at_eof()
    # As a flow, what the session was told not to unpack is unpacked by the reader.
    if at_once and is_over and not flow.chunks and _ENCODING not in attempt.headers:
        attempt.flow = None
        attempt.keep_body(chunk, max(flow.limit, BODY_BYTES))
    elif chunk:
        flow.add(chunk)
    if is_over:
        _end(engine, tee, None)


def _left(engine: Engine, tee: Any) -> None:
    """The answer was closed, released or forgotten."""
    attempt = tee.watched[1]
    if attempt is not None:
        _end(engine, tee, attempt.error or GeneratorExit)


def _end(engine: Engine, tee: Any, error: type[BaseException] | None) -> None:
    """The content is over. The answer may live on; what was kept of it here must not."""
    content, attempt, _ = tee.watched
    tee.watched = content, None, None
    engine.stream_ended(attempt, error)


def make_tee(reader: type[Any], engine: Engine) -> type[Any]:
    """A tee for aiohttp's stream reader, as a subclass of it that hands everything to the reader it stands for.

    It ends with whatever comes first: the end of the content, an exception, the release of the answer, or, for an
    answer that nobody read, being forgotten.
    """

    class Tee(reader):  # type: ignore[misc]  # the base class is known at run time only
        def __init__(self, content: Any, attempt: Attempt, flow: Flow) -> None:
            self.watched = content, attempt, flow

        def __getattribute__(self, name: str) -> Any:
            if name in ours:
                return object.__getattribute__(self, name)
            return getattr(object.__getattribute__(self, "watched")[0], name)

        def read_nowait(self, n: int = -1) -> bytes:
            data: bytes = self.watched[0].read_nowait(n)
            engine.guard(_passed, engine, self, data, False)
            return data

        def set_exception(self, *args: Any) -> None:
            """The answer is closed or released; a connection that breaks says so to the reader itself."""
            self.watched[0].set_exception(*args)
            engine.guard(_left, engine, self)

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "watched":
                object.__setattr__(self, name, value)
            else:
                setattr(self.watched[0], name, value)

        def __del__(self) -> None:
            engine.guard(_left, engine, self)

    for name in _READS:
        setattr(Tee, name, _read_through(engine, name, getattr(reader, name)))
    ours = {"watched", "read_nowait", "set_exception", *_READS, *_ITERATORS}
    return Tee


def _read_through(engine: Engine, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        content, _, flow = self.watched
        if flow is not None:
            engine.guard(flow.resumed)
        data = None
        try:
            # The content's own method: the app may have brought a class for it.
            data = await getattr(content, name)(*args, **kwargs)
        finally:
            engine.guard(_passed, engine, self, data, name == "read" and not args and not kwargs)
        return data

    return read


class _Request:
    """A POST as the engine asks for it, from what the session was asked to send."""

    __slots__ = ("_options", "_session", "url")
    method = "POST"

    def __init__(self, session: Any, url: Any, options: dict[str, Any]) -> None:
        self.url = session._build_url(url)
        self._session = session
        self._options = options

    @property
    def headers(self) -> dict[str, str]:
        """Those of the session and of the request, by lower-case names."""
        headers = self._options.get("headers")
        # Pairs that can be read only once are for the session to read.
        own = dict(headers) if isinstance(headers, (Mapping, list, tuple)) else {}
        given = {**self._session.headers, **own}
        length = {"content-length": str(len(self.content))} if self.content else {}
        return {name.lower(): value for name, value in given.items()} | length

    @property
    def content(self) -> bytes:
        """The body, if the app made it: JSON that the session makes of an object is not made twice."""
        data = self._options.get("data")
        if isinstance(data, str):
            return data.encode("utf-8", "replace")
        return data if isinstance(data, bytes) else b""
