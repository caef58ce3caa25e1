"""The routes of the HTTP intake: `POST /v1/events`, NDJSON, plain, gzip or zstd."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collector.config import CollectorConfig
from collector.sources.http import HttpIntake, IntakeClosed, IntakeFull
from collector.unpack import TooLarge, Unreadable, unpack


def routes(intake: HttpIntake, config: CollectorConfig) -> list[Route]:
    """The intake's routes. A 200 means that every line is stored or kept as a dead letter, and says how many."""

    async def events(request: Request) -> Response:
        try:
            packed = await _body(request, config.max_request_bytes)
            encoding = request.headers.get("content-encoding", "").strip().lower()
            body = await run_in_threadpool(unpack, packed, encoding, config.max_request_bytes)
            waiting = await run_in_threadpool(intake.submit, body)
            outcome = await asyncio.wait_for(asyncio.wrap_future(waiting), config.intake_timeout_s)
        except TooLarge:
            return _refuse(413, f"more than {config.max_request_bytes} bytes: send fewer events at once")
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
        return JSONResponse({"stored": outcome.stored, "dead_letters": len(outcome.refused)})

    return [Route("/v1/events", events, methods=["POST"])]


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
