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
MOST_PASSED: Final = 3 * MAX_STAMPS
_OBJECTS_BYTES: Final = 4 * 1024  # the attempt, its address and its headers
_CHUNK_BYTES: Final = 150  # two times and the object around a chunk

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
        "content_length",
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
        "route",
        "size",
        "started",
        "started_at_ns",
        "tail",
        "url",
    )

    def __init__(self, frame: Frame, route: Route, url: Any, content_length: str, request_body: bytes) -> None:
        frame.attempts += 1
        self.frame = frame
        self.route = route
        self.url = url
        self.content_length = content_length
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
            held += min(flow.size, flow.limit + TAIL_BYTES) + _CHUNK_BYTES * (len(flow.passed) // 3)
        return held


class Flow:
    """What a streamed answer looked like as it passed: arrival times, the first `limit` bytes and the last ones.

    `passed` has in turn when the app asked for a chunk (0: unknown), when it came, and the chunk; `room` is what is
    left of the limit. `add` runs for every chunk, in between the app's own work: it does as little as can be, and the
    worker the rest. The tees of httpx have its first lines in their loops, for a call costs as much again, and count
    the room there until something is late.
    """

    __slots__ = ("_asked", "_last", "_late", "_late_blocked", "cut", "limit", "passed", "room", "tail", "tail_size")

    def __init__(self, limit: int) -> None:
        self.limit = self.room = limit
        self.passed: list[Any] = []
        self.tail: deque[bytes] = deque()
        self.tail_size = 0
        self.cut = False
        # When the app asked for what has not come yet; of the chunks after the last time that is kept, the sums.
        self._asked = 0
        self._last = self._late = self._late_blocked = 0

    def add(self, chunk: bytes) -> None:
        """One chunk has arrived."""
        asked, self._asked = self._asked, 0
        self.room -= len(chunk)
        if self.room >= 0 and len(self.passed) < MOST_PASSED:
            self.passed += (asked, clock(), chunk)
        else:
            self.add_late(chunk, asked)

    def add_late(self, chunk: bytes, asked: int) -> None:
        """One chunk has arrived, for which there is no room any more, or for the time of which there is none."""
        came, kept = clock(), chunk if self.room >= 0 else b""
        if len(self.passed) < MOST_PASSED:
            self.passed += (asked, came, kept)
        else:
            if asked:
                self._late_blocked += asked - (self._last or self.passed[-2])
            self._late += 1
            self._last = came
            if kept:
                self.passed += (0, 0, kept)
        if self.room < 0:
            self._add_to_the_tail(chunk)

    def resumed(self, asked: int = 0) -> None:
        """The app asks for the next chunk, or did at `asked`: until then it was busy with the last one."""
        self._asked = self._asked or asked or clock()

    @property
    def head(self) -> list[bytes]:
        """The chunks that are kept from the beginning on; in place of the first ones that are not, empty ones."""
        return self.passed[2::3]

    @property
    def size(self) -> int:
        """How many bytes there were."""
        return sum(map(len, self.head)) if self.room >= 0 else self.limit - self.room

    @property
    def chunks(self) -> int:
        """How many there were."""
        return len(self.stamps) + self._late

    @property
    def stamps(self) -> list[int]:
        """When the first of them came."""
        return self.passed[1:MOST_PASSED:3]

    @property
    def blocked(self) -> int:
        """How long the app was busy between two chunks, in nanoseconds."""
        came, asked = self.stamps, self.passed[3:MOST_PASSED:3]
        busy: int = sum(until - since for since, until in zip(came, asked, strict=False) if until)
        if self._asked and came:
            busy += self._asked - (self._last or came[-1])
        return busy + self._late_blocked

    def _add_to_the_tail(self, chunk: bytes) -> None:
        self.tail.append(chunk)
        self.tail_size += len(chunk)
        while self.tail_size - len(self.tail[0]) >= TAIL_BYTES:
            self.tail_size -= len(self.tail.popleft())
            self.cut = True
