"""Exports over HTTP, for programs that cannot open the store because this process owns it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from store.connection import Store
from store.export import export

_TYPES: Final = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv", "jsonl": "application/x-ndjson"}


def routes(store: Store, clock: Callable[[], datetime]) -> list[Route]:
    """`GET /api/export?what=calls&from=2026-11-01&to=2026-12-01&team=search&format=parquet` → the rows, streamed."""

    def answer(request: Request) -> Response:
        asked = request.query_params
        format = asked.get("format", "parquet")
        try:
            start, end = instant(asked.get("from", "")), instant(asked.get("to") or clock().isoformat())
            rows = export(store, asked.get("what", ""), start, end, asked.get("team", ""), format)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return StreamingResponse(rows, media_type=_TYPES[format])

    return [Route("/api/export", answer)]


def instant(text: str) -> datetime:
    """A date or an instant in ISO 8601; in UTC when it names no zone. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no time: write 2026-11-20 or 2026-11-20T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
