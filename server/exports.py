"""Exports over HTTP, for programs that cannot open the store because this process owns it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from server.instant import parse_instant
from server.json_routes import Answer, read_route
from store.connection import Store
from store.export import export

_TYPES: Final = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv", "jsonl": "application/x-ndjson"}


def routes(store: Store, clock: Callable[[], datetime]) -> list[Route]:
    """`GET /api/export?what=calls&from=2026-11-01&to=2026-12-01&team=search&format=parquet` → the rows, streamed."""

    def answer(request: Request) -> Answer:
        asked = request.query_params
        format = asked.get("format", "parquet")
        start, end = parse_instant(asked.get("from", "")), parse_instant(asked.get("to") or clock().isoformat())
        rows = export(store, asked.get("what", ""), start, end, asked.get("team", ""), format)
        return StreamingResponse(rows, media_type=_TYPES[format])

    return [read_route("/api/export", answer)]
