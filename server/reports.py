"""Reports over HTTP, for programs that cannot open the store because this process owns it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analyzers.report import report
from server.duration import parse_duration
from store.connection import Store


def routes(store: Store, clock: Callable[[], datetime]) -> list[Route]:
    """`GET /api/report/<kind>?by=team,model&last=24h` → columns and rows as JSON."""

    def answer(request: Request) -> Response:
        by = [name for name in request.query_params.get("by", "").split(",") if name]
        end = clock()
        try:
            start = end - parse_duration(request.query_params.get("last", "24h"))
            found = report(store, request.path_params["kind"], by, start, end)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        body = json.dumps({"columns": found.columns, "rows": found.rows}, default=exact)
        return Response(body, media_type="application/json")

    return [Route("/api/report/{kind}", answer)]


def json_answer(found: Mapping[str, Any]) -> Response:
    """`found` as JSON, see `exact`."""
    return Response(json.dumps(found, default=exact), media_type="application/json")


def exact(value: object) -> str:
    """Money and instants as texts in JSON: exact decimals, ISO 8601."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")
