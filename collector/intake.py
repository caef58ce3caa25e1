"""The routes of the HTTP intake: one for each format, whose bodies may be plain, gzip or zstd."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collector.config import CollectorConfig
from collector.formats import FORMATS, open_format
from collector.formats.format import Format, Unreadable
from collector.sources.http import HttpIntake, IntakeClosed, IntakeFull
from collector.unpack import TooLarge, unpack


def routes(intake: HttpIntake, config: CollectorConfig) -> list[Route]:
    """The intake's routes. A 200 means that every event is stored or kept as a dead letter, and says how many."""
    return [_route(path, open_format(path), intake, config) for path in FORMATS]


def _route(path: str, form: Format, intake: HttpIntake, config: CollectorConfig) -> Route:
    limit = config.max_request_bytes

    async def take(request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = request.headers.get("content-encoding", "").strip().lower()
        try:
            packed = await _body(request, limit)
            events = await run_in_threadpool(lambda: form.read(unpack(packed, encoding, limit), content_type))
            waiting = await run_in_threadpool(intake.submit, events, form.place)
            outcome = await asyncio.wait_for(asyncio.wrap_future(waiting), config.intake_timeout_s)
        except TooLarge:
            return _refuse(413, f"more than {limit} bytes: send fewer events at once")
        except Unreadable as error:
            return _refuse(400, str(error))
        except ClientDisconnect:
            return _refuse(400, "the body ended too early: send it again")
        except IntakeFull:
            return _refuse(429, "too many events wait for the store: send them again later", retry_after=1)
        except IntakeClosed:
            return _refuse(503, "the collector is stopping: send the events again later", retry_after=2)
        except TimeoutError:
            return _refuse(503, "the store does not answer: send the events again later", retry_after=5)
        return form.answer(outcome, content_type)

    return Route(path, take, methods=["POST"])


async def _body(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def _refuse(status: int, message: str, retry_after: int | None = None) -> Response:
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else None
    return JSONResponse({"error": message}, status_code=status, headers=headers)
