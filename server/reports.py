"""Reports over HTTP, for programs that cannot open the store because this process owns it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.requests import Request
from starlette.routing import Route

from analyzers.comparison import compare_cost
from analyzers.report import Report, report
from server.duration import parse_duration
from server.json_routes import Answer, read_route
from store.connection import Store


def routes(store: Store, clock: Callable[[], datetime]) -> list[Route]:
    """`GET /api/report/<kind>?by=team,model&last=24h&compare=previous&limit=10` → columns, rows and a note as JSON."""

    def reported(request: Request) -> Answer:
        found = answer(store, request.path_params["kind"], request.query_params, clock())
        return {"columns": found.columns, "rows": found.rows, "note": found.note}

    return [read_route("/api/report/{kind}", reported)]


def answer(store: Store, kind: str, asked: Mapping[str, str], now: datetime) -> Report:
    """The report `kind` that ends `now`, as the words `asked` say.

    `by`: dimensions, separated by commas. `last`: a length of time, 24h without it. `compare`: `previous` sets a cost
    report beside the same length of time before it. `limit`: how many rows of cost or money at most. Raises ValueError
    for a word that is not valid, StoreError.
    """
    by = [name.strip() for name in asked.get("by", "").split(",") if name.strip()]
    start = now - parse_duration(asked.get("last", "24h"))
    limit = _whole_number(asked["limit"]) if "limit" in asked else None
    if "compare" not in asked:
        return report(store, kind, by, start, now, limit)
    if (kind, asked["compare"]) != ("cost", "previous"):
        raise ValueError(f"a {kind} report cannot be compared with {asked['compare']!r}: compare cost with previous")
    return compare_cost(store, by, start, now, limit)


def _whole_number(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,9}", text):
        raise ValueError(f"{text!r} is not a number of rows: write one such as 10")
    return int(text)
