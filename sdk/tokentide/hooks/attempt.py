"""What the app's thread writes down of an HTTP attempt: clock readings and references, read later by the worker.

Times are nanoseconds of `time.perf_counter_ns`. Nothing here keeps the request alive, its prompt could be large.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping
from contextvars import Token
from typing import Any, Final

from tokentide.context import Tags
from tokentide.hooks.provider import Provider, Route

HEAD_BYTES: Final = 8 * 1024
TAIL_BYTES: Final = 16 * 1024
BODY_BYTES: Final = 64 * 1024
CAPTURED_BYTES: Final = 4 * 1024 * 1024
MAX_STAMPS: Final = 4096
_MOST_TIMES: Final = 2 * MAX_STAMPS
PACKED: Final = ("gzip", "x-gzip", "deflate")  # the content encodings that can be read here
_OBJECTS_BYTES: Final = 4 * 1024  # the attempt, its address and its headers
_CHUNK_BYTES: Final = 100  # an arrival time and the object around a chunk

clock = time.perf_counter_ns


class Frame:
    """One logical operation: what the client library's `request()` does, with all its retries.

    `client` identifies the object whose method it is.
    `provider` is None when no client library owns retries around the attempt.
    `held` is the last attempt that was answered, kept back until it is known whether another one follows.
    """

    __slots__ = (
        "attempts",
        "client",
        "closed",
        "held",
        "operation_id",
        "parameters",
        "provider",
        "span",
        "started",
        "tags",
        "token",
    )

    def __init__(
        self, provider: Provider | None, parameters: Mapping[str, Any], tags: Tags, span: Any, client: int = 0
    ) -> None:
        self.provider = provider
        self.parameters = parameters
        self.tags = tags
        self.span = span
        self.client = client
        self.started = clock()
        self.closed = 0
        self.attempts = 0
        self.held: Attempt | None = None
        self.operation_id = ""
        self.token: Token[Frame | None] | None = None


class Attempt:
    """One HTTP attempt. It is emitted when its end is known and it is decided whether it was the last of its frame."""

    __slots__ = (
        "answered",
        "body",
        "decided",
        "emitted",
        "ended",
        "error",
        "flow",
        "frame",
        "headers",
        "http_status",
        "is_final",
        "number",
        "process",
        "request_body",
        "request_headers",
        "route",
        "size",
        "started",
        "started_at_ns",
        "tail",
        "url",
    )

    def __init__(self, frame: Frame, route: Route, url: Any, request_headers: Any, request_body: bytes) -> None:
        frame.attempts += 1
        self.frame = frame
        self.route = route
        self.url = url
        self.request_headers = request_headers
        self.request_body = request_body
        self.number = frame.attempts
        self.process = os.getpid()
        self.started_at_ns = time.time_ns()
        self.started = clock()
        self.answered = 0
        self.ended = 0
        self.is_final = False
        self.decided = False
        self.emitted = False
        self.http_status = 0
        self.headers: Any = None
        self.body = b""
        self.tail = b""
        self.size = 0
        self.flow: Flow | None = None
        self.error: type[BaseException] | None = None

    def keep_body(self, content: bytes, limit: int) -> None:
        """Keeps a whole answer of up to `limit` bytes, else its head and its tail."""
        self.size = len(content)
        if self.size <= limit:
            self.body = content
        else:
            self.body, self.tail = content[:HEAD_BYTES], content[-TAIL_BYTES:]

    def held_bytes(self) -> int:
        """About how many bytes of memory it keeps."""
        held = _OBJECTS_BYTES + len(self.request_body) + len(self.body) + len(self.tail)
        flow = self.flow
        if flow is not None:
            held += min(flow.size, flow.limit + TAIL_BYTES) + _CHUNK_BYTES * (len(flow.head) + len(flow.stamps))
        return held


class Flow:
    """What a streamed answer looked like as it passed: arrival times, the first `limit` bytes and the last ones.

    `add` runs for every chunk, in between the app's own work: it does as little as can be, and the worker the rest.
    """

    __slots__ = ("_last", "_late", "_late_blocked", "_times", "cut", "head", "limit", "size", "tail", "tail_size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.head: list[bytes] = []
        self.tail: deque[bytes] = deque()
        self.tail_size = 0
        self.cut = False
        # When a chunk came and when the app asked for the next one, in turn.
        self._times: list[int] = []
        self._late = self._late_blocked = self._last = 0

    def add(self, chunk: bytes, asked: int = 0) -> None:
        """One chunk has arrived. `asked` is when the app asked for it, if `resumed` was not called then."""
        times = self._times
        if asked and len(times) < _MOST_TIMES:
            times.append(asked)
        elif asked:
            self.resumed(asked)
        elif len(times) & 1:  # the app took several without a pause
            times.append(times[-1])
        self.size += len(chunk)
        if self.size > self.limit or len(times) >= _MOST_TIMES:
            self._add_to_a_long_one(chunk)
        else:
            self.head.append(chunk)
            times.append(clock())

    def resumed(self, asked: int = 0) -> None:
        """The app asks for the next chunk, or did at `asked`: until then it was busy with the last one."""
        asked = asked or clock()
        if len(self._times) & 1:
            self._times.append(asked)
        elif self._late:
            self._late_blocked += asked - self._last
            self._last = asked

    @property
    def chunks(self) -> int:
        """How many there were."""
        return (len(self._times) + 1) // 2 + self._late

    @property
    def stamps(self) -> list[int]:
        """When the first of them came."""
        return self._times[::2]

    @property
    def blocked(self) -> int:
        """How long the app was busy between two chunks, in nanoseconds."""
        pairs = zip(self._times[::2], self._times[1::2], strict=False)  # the last chunk may be without its pair
        return sum(asked - came for came, asked in pairs) + self._late_blocked

    def _add_to_a_long_one(self, chunk: bytes) -> None:
        if len(self._times) < _MOST_TIMES:
            self._times.append(clock())
        else:
            self._late += 1
            self._last = clock()
        if self.size <= self.limit:
            self.head.append(chunk)
            return
        self.tail.append(chunk)
        self.tail_size += len(chunk)
        while self.tail_size - len(self.tail[0]) >= TAIL_BYTES:
            self.tail_size -= len(self.tail.popleft())
            self.cut = True
