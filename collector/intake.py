"""The routes of the HTTP intake: one for each format, whose bodies may be plain, gzip or zstd."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collector.admission import Admission, TooFast, Unauthorized
from collector.config import CollectorConfig
from collector.disk import DiskNearlyFull
from collector.formats import FORMATS, open_format
from collector.formats.format import Format, Unreadable
from collector.metrics import Metrics
from collector.record import Outcome
from collector.senders import Sender
from collector.sources.http import HttpIntake, IntakeClosed, IntakeFull, Room
from collector.unpack import TooLarge, unpack

# A packed body may need a hundred times its own size while it is read: only so many are at a time.
_READ_AT_ONCE = 2


class TooMany(Exception):
    """The request brings more events than the intake takes at once: send fewer."""


class TooSlow(Exception):
    """The body takes too long to arrive: send it faster, or less of it."""


def routes(
    intake: HttpIntake,
    config: CollectorConfig,
    metrics: Metrics | None = None,
    trouble: Callable[[], str] = lambda: "",
) -> list[Route]:
    """The intake's routes. A 200 means that every event is stored or kept as a dead letter, and says how many.

    Nothing is taken while `trouble()` says what is wrong with the store's disk.
    Raises TokensError when the file of tokens cannot be used.
    """
    admission = Admission(config, metrics or Metrics(CollectorRegistry()), time.monotonic)
    gate = _Gate(intake, config, admission, trouble)
    return [_route(path, open_format(path, config), gate) for path in FORMATS]


def _route(path: str, form: Format, gate: _Gate) -> Route:
    async def take(request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            outcome = await gate.take(request, form, content_type)
        except Exception as error:
            answer = gate.refusal(error)
            if answer is None:
                raise
            return answer
        return form.answer(outcome, content_type)

    return Route(path, take, methods=["POST"])


class _Gate:
    """What the routes of all formats share, so that one bound holds for all of them."""

    def __init__(
        self, intake: HttpIntake, config: CollectorConfig, admission: Admission, trouble: Callable[[], str]
    ) -> None:
        self._trouble = trouble
        self._intake = intake
        self._config = config
        self._admission = admission
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    async def take(self, request: Request, form: Format, content_type: str) -> Outcome:
        """Store the events of a request. Raises what `refusal` knows."""
        sender = self._admission.sender(request.headers.get("authorization", ""))
        if trouble := self._trouble():
            raise DiskNearlyFull(trouble)
        with self._intake.room() as room:
            events = await self._events(request, form, content_type, sender, room)
            self._admission.spend(sender, len(events))
            if not events:
                return Outcome(0)
            try:
                waiting = await run_in_threadpool(self._intake.submit, events, form.place, room)
            except IntakeFull:
                self._admission.give_back(sender, len(events))
                raise
        return await asyncio.wait_for(asyncio.wrap_future(waiting), self._config.intake_timeout_s)

    async def _events(
        self, request: Request, form: Format, content_type: str, sender: Sender | None, room: Room
    ) -> Sequence[bytes]:
        encoding = request.headers.get("content-encoding", "").strip().lower()
        packed = await self._body(request, room)

        def read() -> Sequence[bytes]:
            body = unpack(packed, encoding, self._config.max_request_bytes)
            room.hold(len(body))
            events = form.read(body, content_type)
            if len(events) > self._config.max_request_events:
                raise TooMany
            return self._admission.pin(sender, events)

        async with self._reading:
            return await run_in_threadpool(read)

    async def _body(self, request: Request, room: Room) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._config.receive_timeout_s):
                async for part in request.stream():
                    if len(body) + len(part) > self._config.max_request_bytes:
                        raise TooLarge
                    room.hold(len(body) + len(part))
                    body += part
        except TimeoutError as error:
            raise TooSlow from error
        return bytes(body)

    def refusal(self, error: Exception) -> Response | None:
        """The answer to a request that was not taken; None for an error of the program."""
        config = self._config
        match error:
            case Unauthorized():
                sentence = "a token is needed: send Authorization: Bearer with one that the collector knows"
                return _refuse(401, sentence, {"WWW-Authenticate": "Bearer"})
            case TooLarge():
                return _refuse(413, f"more than {config.max_request_bytes} bytes: send fewer events at once")
            case TooMany():
                return _refuse(413, f"more than {config.max_request_events} events: send fewer events at once")
            case TooSlow():
                sentence = f"the body took more than {config.receive_timeout_s:g} s: send fewer events at once"
                return _refuse(408, sentence, {"Connection": "close"})
            case Unreadable():
                return _refuse(400, str(error))
            case ClientDisconnect():
                return _refuse(400, "the body ended too early: send it again")
            case TooFast():
                return _later(429, "more events than this token may send: send them again later", error.wait_s)
            case IntakeFull():
                return _later(429, "too many events wait for the store: send them again later", 1)
            case DiskNearlyFull():
                return _later(503, str(error), 30)
            case IntakeClosed():
                return _later(503, "the collector is stopping: send the events again later", 2)
            case TimeoutError():
                return _later(503, "the store does not answer: send the events again later", 5)
        return None


def _later(status: int, message: str, wait_s: float) -> Response:
    return _refuse(status, message, {"Retry-After": str(max(1, math.ceil(wait_s)))})


def _refuse(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status_code=status, headers=headers)
