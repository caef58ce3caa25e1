"""FOCUS files over HTTP, for programs that cannot open the store because this process owns it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from server.focus.columns import USUAL
from server.focus.day import metadata, parse_day, rows
from server.json_routes import Answer, read_route
from store.connection import Store

_TYPES: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def routes(store: Store, clock: Callable[[], datetime]) -> list[Route]:
    """`GET /api/focus/2026-10-31?version=1.3&format=csv` → the file, streamed; `…/metadata?version=1.3` → JSON."""

    def file(request: Request) -> Answer:
        asked, day = request.query_params, parse_day(request.path_params["day"], clock())
        format = asked.get("format", "csv")
        found = rows(store, day, asked.get("version", USUAL), format)
        return StreamingResponse(found, media_type=_TYPES[format])

    def about(request: Request) -> Answer:
        now = clock()
        day = parse_day(request.path_params["day"], now)
        return metadata(store, day, request.query_params.get("version", USUAL), now)

    return [read_route("/api/focus/{day}", file), read_route("/api/focus/{day}/metadata", about)]
