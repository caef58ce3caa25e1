"""Closing months, correcting closed ones and reading the books, over HTTP or straight on a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from collector.allocation.allocate import ENDED_DAYS_SETTLE, allocate
from collector.books import Booked, close, closed_months, correct, months
from collector.config import CollectorConfig
from server.json_routes import Answer, admin_route, read_route
from server.keeping import Clock
from store.connection import Store
from store.sql import load


def closed(store: Store, asked: Mapping[str, Any], clock: Clock, config: CollectorConfig) -> dict[str, Any]:
    """Close the month `{"month": "2026-10"}`: what was booked, and how many of its `attempts` are `unpriced`.

    Its capacity and shared costs are worked out first, as far as no collector has done it. Raises ValueError,
    StoreError.
    """
    month, now = parse_month(asked.get("month")), clock()
    if config.capacity or config.shared_costs:
        _allocate(store, month, now, config)
    booked = close(store, month, now)
    known = next(one for one in months(store) if one.month == month)
    return _told(booked) | {"attempts": known.attempts, "unpriced": known.attempts - known.priced}


def corrected(store: Store, asked: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """Add to the books what closed months differ by, for a `reason`: what was booked. Raises ValueError, StoreError."""
    reason = asked.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError("reason is missing: it is kept with the corrections")
    return _told(correct(store, reason, clock()))


def status(store: Store) -> list[dict[str, Any]]:
    """Every month: closed when, booked and corrected by how much, and what is known now. Raises StoreError."""
    return [
        {
            "month": f"{one.month:%Y-%m}",
            "closed_at": one.closed_at,
            "usage_usd": one.usage if one.closed_at else None,
            "corrections_usd": one.corrections if one.closed_at else None,
            "known_now_usd": one.known_now,
            "not_booked_usd": one.not_booked if one.closed_at else None,
            "priced_share": one.priced / one.attempts if one.attempts else None,
        }
        for one in months(store)
    ]


def entries(store: Store, month: date) -> list[dict[str, Any]]:
    """The chargeback of a closed month: its usage and its corrections. Raises ValueError, StoreError."""
    if month not in closed_months(store):
        raise ValueError(f"{month:%Y-%m} is not closed: tokentide books close {month:%Y-%m}")
    return store.query(load("server", "book_entries"), {"month": month}).dicts()


def routes(store: Store, config: CollectorConfig, clock: Clock) -> list[Route]:
    """`POST /api/admin/books/close` and `…/correct`; `GET /api/books` and `/api/books/<month>`."""

    def of_a_month(request: Request) -> Answer:
        return {"entries": entries(store, parse_month(request.path_params["month"]))}

    return [
        read_route("/api/books", lambda request: {"months": status(store)}),
        read_route("/api/books/{month}", of_a_month),
        admin_route("/api/admin/books/close", lambda asked: closed(store, asked, clock, config)),
        admin_route("/api/admin/books/correct", lambda asked: corrected(store, asked, clock)),
    ]


def _allocate(store: Store, month: date, now: datetime, config: CollectorConfig) -> None:
    start = datetime(month.year, month.month, 1, tzinfo=timezone.utc)
    end = (start + timedelta(days=31)).replace(day=1)
    if end <= now < end + ENDED_DAYS_SETTLE:
        raise ValueError(
            f"close {month:%Y-%m} after {end + ENDED_DAYS_SETTLE:%H:%M} UTC: capacity and shared costs of its last day "
            "are worked out by then"
        )
    allocate(store, config.capacity, config.shared_costs, now, start)


def parse_month(text: Any) -> date:
    """The first day of the month that `text` names. Raises ValueError."""
    found = re.fullmatch(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no month: write 2026-10")
    return date(int(found[1]), int(found[2]), 1)


def _told(booked: Booked) -> dict[str, Any]:
    return {
        "closing": booked.closing,
        "usage_entries": booked.usage_entries,
        "usage_usd": booked.usage,
        "correction_entries": booked.correction_entries,
        "corrections_usd": booked.corrections,
    }
