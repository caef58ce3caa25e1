"""One JSON object about a range of time: what is stored and counted, per team, per producer, alerts and findings.

It is what a check after a run compares with what went in, so money is a text with every digit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from server.duration import parse_duration
from server.json_routes import Answer, read_route
from store.connection import Store
from store.sql import load


def routes(store: Store, clock: Callable[[], datetime]) -> list[Route]:
    """`GET /api/summary?last=24h` → the summary as JSON."""

    def answer(request: Request) -> Answer:
        return summary(store, clock() - parse_duration(request.query_params.get("last", "24h")))

    return [read_route("/api/summary", answer)]


def summary(store: Store, start: datetime) -> dict[str, Any]:
    """Everything since the minute of `start`: `calls`, `teams`, `producers`, `alerts` and `findings`.

    `calls.stored` counts different attempts in the facts, `calls.counted` the attempts in the totals. They agree once
    everything is rolled up; a total that counted one twice would be the greater one. Raises StoreError.
    """
    parameters = {"start": start}
    (calls,) = store.query(load("server", "summary_calls"), parameters).dicts()
    parts = {part: load("server", f"summary_{part}") for part in ("teams", "producers", "alerts", "findings")}
    return {"calls": calls} | {part: store.query(query, parameters).dicts() for part, query in parts.items()}
