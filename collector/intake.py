"""The routes of the HTTP intake: `POST /v1/events`, NDJSON, plain, gzip or zstd."""

from __future__ import annotations

import asyncio
import zlib

import zstandard
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collector.config import CollectorConfig
from collector.sources.http import HttpIntake, IntakeClosed, IntakeFull


class _TooLarge(Exception):
    pass


class _Unreadable(Exception):
    pass


def routes(intake: HttpIntake, config: CollectorConfig) -> list[Route]:
    """The intake's routes. A 200 means that every line is stored or kept as a dead letter, and says how many."""

    async def events(request: Request) -> Response:
        try:
            packed = await _body(request, config.max_request_bytes)
            encoding = request.headers.get("content-encoding", "").strip().lower()
            body = await run_in_threadpool(unpack, packed, encoding, config.max_request_bytes)
            outcome = await asyncio.wait_for(asyncio.wrap_future(intake.submit(body)), config.intake_timeout_s)
        except _TooLarge:
            return _refuse(413, f"more than {config.max_request_bytes} bytes: send fewer events at once")
        except _Unreadable as error:
            return _refuse(400, str(error))
        except IntakeFull:
            return _refuse(429, "too many events wait for the store: send them again later", retry_after=1)
        except IntakeClosed:
            return _refuse(503, "the collector is stopping: send the events again later", retry_after=2)
        except TimeoutError:
            return _refuse(503, "the store does not answer: send the events again later", retry_after=5)
        return JSONResponse({"stored": outcome.stored, "dead_letters": len(outcome.refused)})

    return [Route("/v1/events", events, methods=["POST"])]


def unpack(packed: bytes, encoding: str, limit: int) -> bytes:
    """The body of a request without its content encoding.

    Raises _TooLarge beyond `limit` bytes, before they are unpacked, and _Unreadable for a broken or unknown encoding.
    """
    if encoding in ("", "identity"):
        return packed
    if encoding == "gzip":
        unpacker = zlib.decompressobj(wbits=31)
        try:
            body = unpacker.decompress(packed, limit + 1)
        except zlib.error as error:
            raise _Unreadable(f"the body is not gzip: {error}") from error
        if len(body) <= limit and not unpacker.eof:
            raise _Unreadable("the gzip body ends too early: send it again")
    elif encoding == "zstd":
        body = _unpack_zstd(packed, limit)
    else:
        raise _Unreadable(f"content-encoding {encoding!r} is not known: use gzip or zstd")
    if len(body) > limit:
        raise _TooLarge
    return body


def _unpack_zstd(packed: bytes, limit: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=2**27)
    try:
        with unpacker.stream_reader(packed) as reader:
            body = reader.read(limit + 1)
        if len(body) > limit:
            return body
        # The reader does not tell a body that was cut off; now that its size is known to be small, this does.
        whole = unpacker.decompressobj()
        whole.decompress(packed)
    except zstandard.ZstdError as error:
        raise _Unreadable(f"the body is not zstd: {error}") from error
    if not whole.eof:
        raise _Unreadable("the zstd body ends too early: send it again")
    return body


async def _body(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _TooLarge
        parts.append(part)
    return b"".join(parts)


def _refuse(status: int, message: str, retry_after: int | None = None) -> Response:
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else None
    return JSONResponse({"error": message}, status_code=status, headers=headers)
