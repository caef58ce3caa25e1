"""The engine: the only place that patches. One record for each HTTP attempt, framed by the client's own retry loop.

The seam is `send` of httpx's and httpx2's clients, which every attempt goes through. Around it, `request` of the openai
and anthropic clients owns the retries: it makes one operation of its attempts and tells which of them was the last.
On the app's thread only clocks are read and references kept. Whatever fails in here is counted, never raised.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import ModuleType
from typing import Any, Final, Protocol

from tokentide.context import current_tags
from tokentide.hooks import load_providers
from tokentide.hooks._patch import ImportWatch, Patches
from tokentide.hooks._stream import make_tees
from tokentide.hooks.attempt import BODY_BYTES, CAPTURED_BYTES, HEAD_BYTES, Attempt, Flow, Frame, clock
from tokentide.hooks.provider import Route

MAX_FAILURES: Final = 100
_SMALL_REQUEST: Final = 16 * 1024
_HTTP_LIBRARIES: Final = ("httpx", "httpx2")
_PARAMETERS: Final = ("model", "stream", "temperature", "max_tokens", "max_completion_tokens", "max_output_tokens")
_NO_PARAMETERS: Final[Mapping[str, Any]] = {}

_frame: ContextVar[Frame | None] = ContextVar("tokentide_frame", default=None)
_sending: ContextVar[Frame | None] = ContextVar("tokentide_sending", default=None)


class Sink(Protocol):
    """Where attempts go."""

    def emit(self, attempt: Attempt) -> object:
        """Takes an attempt without blocking."""

    def count_hook_error(self) -> object:
        """Counts a failure of ours."""


class Engine:
    """Patches on `start`, restores on `stop`. After 100 failures in a row it does nothing more."""

    def __init__(self, sink: Sink, captures: bool) -> None:
        providers = load_providers()
        self._sink = sink
        self._captures = captures
        self._routes = tuple(Route(provider, endpoint) for provider in providers for endpoint in provider.endpoints)
        self._paths = tuple(route.endpoint.path for route in self._routes)
        self._packages = {f"{provider.package}._base_client": provider.package for provider in providers}
        self._failures = 0
        self._stopped = False
        self._patches = Patches()
        self._watch = ImportWatch((*_HTTP_LIBRARIES, *self._packages), functools.partial(self.guard, self.patch))

    def start(self) -> None:
        """Patches what is imported already, and the rest when it is."""
        self._watch.start()

    def stop(self) -> None:
        """Puts the originals back. Streams that are still open are written down to their end."""
        # What somebody else has patched over stays in place and comes back here.
        self._stopped = True
        self._watch.stop()
        self._patches.restore()

    def patch(self, module: ModuleType) -> None:
        """Patches one imported module. Both names may stand for one library: `httpx2.alias_httpx()` sees to that."""
        package = self._packages.get(module.__name__)
        if package is not None:
            self._patches.replace(module.SyncAPIClient, "request", functools.partial(_framed, self, package))
            self._patches.replace(module.AsyncAPIClient, "request", functools.partial(_framed_async, self, package))
            return
        sync_tee, async_tee = make_tees(module, self)
        self._patches.replace(module.Client, "send", functools.partial(_watched, self, sync_tee))
        self._patches.replace(module.AsyncClient, "send", functools.partial(_watched_async, self, async_tee))

    def guard(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """The result of `step`, or None when it failed."""
        try:
            return step(*arguments)
        except Exception:  # noqa: BLE001  # whatever fails in a step of ours, the app must not see it
            self._failures += 1
            self._sink.count_hook_error()
            return None

    def open_frame(self, package: str, options: Any) -> Frame | None:
        """A frame for what the client library is about to do."""
        if self._stopped or self._failures >= MAX_FAILURES:
            return None
        asked = getattr(options, "json_data", None)
        parameters = {key: asked[key] for key in _PARAMETERS if key in asked} if isinstance(asked, dict) else {}
        frame = Frame(package, parameters, current_tags(), _current_span())
        frame.token = _frame.set(frame)
        return frame

    def close_frame(self, frame: Frame) -> None:
        """The client library is done: the attempt that is held was the last one."""
        frame.token = None
        frame.closed = clock()
        self._release(frame, True)

    def begin(self, request: Any) -> Attempt | None:
        """The record of an attempt that begins; None for a request that is no call of a model."""
        if self._stopped or self._failures >= MAX_FAILURES or request.method != "POST" or _open(_sending):
            return None
        path = request.url.path
        if not path.endswith(self._paths):
            return None
        route = next(route for route in self._routes if path.endswith(route.endpoint.path))
        frame = _open(_frame)
        if frame is not None:
            self._release(frame, False)
            return Attempt(frame, route, request.url, _content(request) if self._captures else b"")
        plain = route.endpoint
        if not path.endswith(plain.plain_path) or (plain.plain_header and plain.plain_header not in request.headers):
            return None
        asked = _content(request)
        kept = asked if self._captures or len(asked) <= _SMALL_REQUEST else b""
        return Attempt(Frame("", _NO_PARAMETERS, current_tags(), _current_span()), route, request.url, kept)

    def answered(self, attempt: Attempt, response: Any, is_stream: bool, tee: type[Any]) -> None:
        """Headers have come, and for a plain answer the body too; a stream is watched from here on."""
        attempt.answered = clock()
        attempt.http_status = response.status_code
        attempt.headers = response.headers
        if is_stream and not response.is_closed:
            everything = self._captures or "content-encoding" in response.headers
            attempt.flow = Flow(CAPTURED_BYTES if everything else HEAD_BYTES)
            response.stream = tee(response.stream, attempt, attempt.flow)
        else:
            attempt.keep_body(_content(response), CAPTURED_BYTES if self._captures else BODY_BYTES)
            attempt.ended = attempt.answered
        self._hold(attempt)

    def failed(self, attempt: Attempt, error: BaseException | None) -> None:
        """The app, or the retry loop, gets an exception. An event hook of the app may have made it of an answer."""
        attempt.answered = attempt.ended = clock()
        attempt.error = None if error is None else type(error)
        response = getattr(error, "response", None)
        if response is not None:
            attempt.http_status, attempt.headers = response.status_code, response.headers
        self._hold(attempt)

    def stream_ended(self, attempt: Attempt, error: type[BaseException] | None) -> None:
        """A stream is over, exhausted without an error or left with one; what comes first counts."""
        if not attempt.ended:
            attempt.error = error
            attempt.ended = clock()
            self._settle(attempt)

    def _hold(self, attempt: Attempt) -> None:
        frame = attempt.frame
        self._release(frame, False)
        frame.held = attempt
        if not frame.package:
            frame.closed = attempt.answered
            self._release(frame, True)

    def _release(self, frame: Frame, is_final: bool) -> None:
        attempt, frame.held = frame.held, None
        if attempt is not None:
            attempt.is_final = is_final
            attempt.decided = True
            self._settle(attempt)

    def _settle(self, attempt: Attempt) -> None:
        if attempt.ended and attempt.decided and not attempt.emitted:
            attempt.emitted = True
            self._sink.emit(attempt)
            self._failures = 0


def _content(message: Any) -> bytes:
    """The bytes of a request or response that is in memory; empty for one that is produced or read piece by piece."""
    try:
        content: bytes = message.content
    except RuntimeError:
        return b""
    return content


def _current_span() -> Any:
    """The context of the OpenTelemetry span around this code, if the app has imported OpenTelemetry."""
    trace = sys.modules.get("opentelemetry.trace")
    return None if trace is None else trace.get_current_span().get_span_context()


def _open(variable: ContextVar[Frame | None]) -> Frame | None:
    """The frame that this code runs in. A task that was started in a frame still has it when the frame is closed."""
    frame = variable.get()
    return None if frame is None or frame.closed else frame


def _enter(attempt: Attempt) -> Token[Frame | None]:
    return _sending.set(attempt.frame)


def _framed(engine: Engine, package: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def request(self: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        frame = engine.guard(engine.open_frame, package, options)
        try:
            return original(self, cast_to, options, *args, **kwargs)
        finally:
            if frame is not None:
                engine.guard(_frame.reset, frame.token)
                engine.guard(engine.close_frame, frame)

    return request


def _framed_async(engine: Engine, package: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def request(self: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        frame = engine.guard(engine.open_frame, package, options)
        try:
            return await original(self, cast_to, options, *args, **kwargs)
        finally:
            if frame is not None:
                engine.guard(_frame.reset, frame.token)
                engine.guard(engine.close_frame, frame)

    return request


def _watched(engine: Engine, tee: type[Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = engine.guard(engine.begin, request)
        if attempt is None:
            return original(self, request, *args, **kwargs)
        response = None
        token = engine.guard(_enter, attempt)
        try:
            response = original(self, request, *args, **kwargs)
        finally:
            engine.guard(_sending.reset, token)
            if response is None:
                engine.guard(engine.failed, attempt, sys.exc_info()[1])
        engine.guard(engine.answered, attempt, response, kwargs.get("stream", False), tee)
        return response

    return send


def _watched_async(engine: Engine, tee: type[Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = engine.guard(engine.begin, request)
        if attempt is None:
            return await original(self, request, *args, **kwargs)
        response = None
        token = engine.guard(_enter, attempt)
        try:
            response = await original(self, request, *args, **kwargs)
        finally:
            engine.guard(_sending.reset, token)
            if response is None:
                engine.guard(engine.failed, attempt, sys.exc_info()[1])
        engine.guard(engine.answered, attempt, response, kwargs.get("stream", False), tee)
        return response

    return send
