"""The engine: the only place that patches. One record for each HTTP attempt, framed by the client's own retry loop.

A seam is what every attempt of an HTTP library goes through, `send` of httpx's clients for example. Around it the loop
of a client library owns the retries: it makes one operation of its attempts and tells which of them was the last.
On the app's thread only clocks are read and references kept. Whatever fails in here is counted, never raised.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from tokentide.context import current_tags
from tokentide.frameworks import FRAMEWORKS
from tokentide.hooks import load_providers
from tokentide.hooks._encodings import can_unpack
from tokentide.hooks._guard import Guard
from tokentide.hooks._loops import framed, overriding
from tokentide.hooks._patch import ImportWatch, Patches
from tokentide.hooks._protocols import Request, Sink
from tokentide.hooks._routes import Routes
from tokentide.hooks.attempt import BODY_BYTES, CAPTURED_BYTES, HEAD_BYTES, Attempt, Flow, Frame, clock
from tokentide.hooks.document import REQUEST_KEYS
from tokentide.hooks.provider import Document, Loop, Provider
from tokentide.process_end import close_with_multiprocessing

_SMALL_REQUEST: Final = 16 * 1024
# The module that is patched as soon as it is imported, and who patches it.
SEAMS: Final = {
    "aiohttp": "tokentide.hooks._aiohttp:patch",
    "botocore.endpoint": "tokentide.hooks._botocore:patch",
    "httpx": "tokentide.hooks._httpx:patch",
    "httpx2": "tokentide.hooks._httpx:patch",
}
_NO_PARAMETERS: Final[Mapping[str, Any]] = {}

_frame: ContextVar[Frame | None] = ContextVar("tokentide_frame", default=None)
_sending: ContextVar[Frame | None] = ContextVar("tokentide_sending", default=None)


class Engine:
    """Patches on `start`, restores on `stop`. When its guard is broken it does nothing more."""

    def __init__(self, sink: Sink, captures: bool, usage_hosts: tuple[str, ...] = ()) -> None:
        providers = load_providers()
        self.usage_hosts = usage_hosts
        self._sink = sink
        self._captures = captures
        self._routes = Routes(providers)
        self._loops = [(provider, loop) for provider in providers for loop in provider.loops]
        self.guard = Guard(sink.count_hook_error)
        self._stopped = False
        self._open_streams: dict[int, Attempt] = {}
        self._process = 0  # the last one in which a stream was opened
        self._patches = Patches()
        modules = {*SEAMS, *FRAMEWORKS, *(loop.module for _, loop in self._loops)}
        self._watch = ImportWatch(modules, functools.partial(self.guard, self.patch))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is recorded: it was stopped, or it failed too often."""
        return self._stopped or self.guard.is_broken

    def start(self) -> None:
        """Patches what is imported already, and the rest when it is. An engine that was stopped starts anew."""
        self._stopped = False
        self._watch.start()

    def stop(self) -> None:
        """Puts the originals back. Streams that are still open are written down to their end."""
        # What somebody else has patched over stays in place and comes back here.
        self._stopped = True
        self._watch.stop()
        self._patches.restore()

    def patch(self, module: ModuleType) -> None:
        """Patches one imported module: its seam, and the loops in it. Attaches to it, if it is a framework's.

        An import may end after `stop` or while that runs.
        """
        if not self._stopped:
            self._patch(module)
        if self._stopped:
            self._patches.restore()

    def _patch(self, module: ModuleType) -> None:
        if found := SEAMS.get(module.__name__) or FRAMEWORKS.get(module.__name__):
            place, _, name = found.partition(":")
            getattr(import_module(place), name)(module, self)
        for provider, loop in self._loops:
            if loop.module == module.__name__:
                for owner in overriding(getattr(module, loop.owner), loop.method):
                    self.replace(owner, loop.method, functools.partial(framed, self, _frame, provider, loop))

    def replace(self, owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
        """Puts `wrap(original)` in the place of a class's own attribute, until `stop`; once."""
        self._patches.replace(owner, name, wrap)

    def on_stop(self, undo: Callable[[], object]) -> None:
        """`undo` is called by `stop`, once: it takes back what was changed otherwise."""
        self._patches.on_restore(functools.partial(self.guard, undo))

    def patched(self) -> list[str]:
        """What is replaced, as `module.Class.attribute`."""
        return self._patches.names()

    def open_frame(self, provider: Provider, loop: Loop, arguments: tuple[Any, ...]) -> Frame | None:
        """A frame for what the client library is about to do."""
        if self.is_idle:
            return None
        client = id(arguments[0])
        if (outer := _open(_frame)) is not None and outer.client == client:
            return None
        asked: Document | None = loop.asked(arguments)
        if asked is None:
            return None
        parameters = {key: asked[key] for key in REQUEST_KEYS if key in asked}
        frame = Frame(provider, parameters, current_tags(), current_span(), client)
        frame.token = _frame.set(frame)
        return frame

    def close_frame(self, frame: Frame) -> None:
        """The client library is done: the attempt that is held was the last one."""
        frame.token = None
        frame.closed = clock()
        self._release(frame, True)

    def begin(self, request: Request) -> Attempt | None:
        """The record of an attempt that begins; None for a request that is no call of a model.

        With a record the caller runs the request between `enter` and `leave`, then calls `failed`, or `answered` and
        after it `complete` or `watch`.
        """
        if self.is_idle or request.method != "POST" or _open(_sending):
            return None
        frame = _open(_frame)
        route = self._routes.find(request, None if frame is None else frame.provider)
        if route is None:
            return None
        if frame is None:
            frame = Frame(None, _NO_PARAMETERS, current_tags(), current_span())
        else:
            self._try_again(frame)
            frame.span = current_span()  # a tracer's own span may have begun since
        # Not the headers: they hold the app's key, and many small objects until the worker comes.
        length = request.headers.get("content-length", "")
        return Attempt(frame, route, request.url, length, self._asked(frame, request))

    def enter(self, attempt: Attempt) -> Token[Frame | None]:
        """What is sent from here on, until `leave`, belongs to this attempt and is no attempt of its own."""
        return _sending.set(attempt.frame)

    def leave(self, token: Token[Frame | None]) -> None:
        """The end of what `enter` began."""
        _sending.reset(token)

    def answered(self, attempt: Attempt, http_status: int, headers: Any) -> None:
        """The headers of the answer have come. `headers` is kept as it is and read later."""
        attempt.answered = clock()
        attempt.http_status = http_status
        attempt.headers = headers

    def complete(self, attempt: Attempt, content: bytes) -> None:
        """The whole body came with the headers."""
        attempt.keep_body(content, CAPTURED_BYTES if self._keeps_texts(attempt.frame) else BODY_BYTES)
        attempt.ended = attempt.answered
        self._hold(attempt)

    def watch(self, attempt: Attempt) -> Flow:
        """The body is read piece by piece: add each to what is returned, and call `stream_ended`."""
        # A compressed one can only be read from its beginning on, and not at all if nothing here unpacks it.
        encoding = attempt.headers.get("content-encoding", "").strip().lower()
        everything = self._keeps_texts(attempt.frame) or (encoding and can_unpack(encoding))
        attempt.flow = Flow(CAPTURED_BYTES if everything else HEAD_BYTES)
        self._hold(attempt)
        self._open_streams[id(attempt)] = attempt
        if self._process != attempt.process:
            self._process = attempt.process
            close_with_multiprocessing()
        return attempt.flow

    def failed(self, attempt: Attempt, error: BaseException | None) -> None:
        """The app, or the retry loop, gets an exception. An event hook of the app may have made it of an answer."""
        attempt.answered = attempt.ended = clock()
        attempt.error = None if error is None else type(error)
        response = _answer_in(error, attempt.url)
        if response is not None:
            attempt.http_status, attempt.headers = response.status_code, response.headers
        self._hold(attempt)

    def stream_ended(self, attempt: Attempt, error: type[BaseException] | None) -> None:
        """A stream is over, exhausted without an error or left with one; what comes first counts."""
        if self._open_streams.pop(id(attempt), None) and not attempt.ended:  # of two threads at exit, one finds it
            attempt.error = error
            attempt.ended = clock()
            self._settle(attempt)

    def leave_streams(self) -> None:
        """The process ends: streams that are still open count as left by the app."""
        for attempt in list(self._open_streams.values()):
            self.guard(self.stream_ended, attempt, GeneratorExit)

    def _asked(self, frame: Frame, request: Request) -> bytes:
        """The request's body, if it will be read: for its texts, or for what the loop did not know."""
        keeps_texts = self._keeps_texts(frame)
        if frame.parameters and not keeps_texts:
            return b""
        asked = request_body(request)
        if keeps_texts or len(asked) <= _SMALL_REQUEST:
            return asked
        return asked[: _SMALL_REQUEST // 2] + b"\x00" + asked[-_SMALL_REQUEST // 2 :]

    def _keeps_texts(self, frame: Frame) -> bool:
        return self._captures and frame.tags.content != "off"

    def _hold(self, attempt: Attempt) -> None:
        frame = attempt.frame
        self._release(frame, False)
        frame.held = attempt
        if frame.provider is None:
            frame.closed = attempt.answered
            self._release(frame, True)

    def _try_again(self, frame: Frame) -> None:
        """The attempt that is held was not the last one. An error that the loop has not read by now, nobody will."""
        held = frame.held
        if held is not None and held.http_status >= 400:
            held.ended = held.ended or held.answered
        self._release(frame, False)

    def _release(self, frame: Frame, is_final: bool) -> None:
        attempt, frame.held = frame.held, None
        if attempt is not None:
            attempt.is_final = is_final
            attempt.decided = True
            self._settle(attempt)

    def _settle(self, attempt: Attempt) -> None:
        # A stream that is open while the process forks has two ends: the parent's counts.
        if attempt.ended and attempt.decided and not attempt.emitted and attempt.process == os.getpid():
            attempt.emitted = True
            self._sink.emit(attempt)


def _answer_in(error: BaseException | None, url: Any) -> Any:
    """The answer to a request to `url` that an event hook of the app has made an exception of, if it is one."""
    try:
        response: Any = getattr(error, "response", None)
        return None if response is None or response.request.url != url else response
    except Exception:  # noqa: BLE001  # exceptions have responses of any shape
        return None


def request_body(message: Any) -> bytes:
    """The bytes of a request or response that is in memory; empty for one that is produced or read piece by piece."""
    try:
        content: bytes = message.content
    except RuntimeError:
        return b""
    return content


def current_span() -> Any:
    """The OpenTelemetry span around this code, if the app has imported OpenTelemetry."""
    trace = sys.modules.get("opentelemetry.trace")
    return None if trace is None else trace.get_current_span()


def _open(variable: ContextVar[Frame | None]) -> Frame | None:
    """The frame that this code runs in. A task that was started in a frame still has it when the frame is closed."""
    frame = variable.get()
    return None if frame is None or frame.closed else frame
