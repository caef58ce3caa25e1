"""One day of a store: its FOCUS rows as a file, and what there is to know about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, NamedTuple

from server.focus.columns import columns_of, rows_of, totals
from server.focus.names import parameters
from store.connection import Store
from store.retention import kept_since
from store.sql import load

FORMATS: Final = {"csv": "CSVWithNames", "parquet": "Parquet"}


class _Standing(NamedTuple):
    """The month of a day: when it was closed, None while it is open, what is booked of the day, and by which version.

    `version` is the cost version that the day's rows are priced by: that of the closing, or the newest.
    """

    closed_at: datetime | None
    booked: Decimal
    version: int
    newest_version: int


def parse_day(text: str, now: datetime) -> date:
    """The day, of UTC, that `text` names. Raises ValueError for what is no day, or one that has not begun."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no day: write 2026-10-31") from error
    if day > now.astimezone(timezone.utc).date():
        raise ValueError(f"{day} has not begun: ask for a day until {now:%Y-%m-%d}")
    return day


def check_format(format: str) -> None:
    """Raises ValueError for a format that files do not have."""
    if format not in FORMATS:
        raise ValueError(f"there is no format {format}: use {', '.join(FORMATS)}")


def rows(store: Store, day: date, version: str, format: str) -> Iterator[bytes]:
    """The file of a day in a FOCUS version, piece by piece: the same bytes for the same facts, prices and books.

    A call of unknown cost is in no row. Raises ValueError for a version or format that is not known and for a day whose
    calls are no longer kept, StoreError.
    """
    check_format(format)
    query = rows_of(version)
    _check_kept(store, day)
    return store.stream(query, _bound(day, _standing(store, day)), FORMATS[format])


def metadata(store: Store, day: date, version: str, now: datetime) -> dict[str, Any]:
    """What a reader of the day's file needs to judge it: how fresh, how complete and how final it is, and its sums.

    Raises ValueError for a version that is not known and for a day whose calls are no longer kept, StoreError.
    """
    columns = columns_of(version)
    _check_kept(store, day)
    standing = _standing(store, day)
    file = store.query(totals(), _bound(day, standing)).dicts()[0]
    return {
        "day": day.isoformat(),
        "focus_version": version,
        "columns": {column.name: column.kind for column in columns},
        "cost_version": standing.version,
        "computed_at": now,
        "day_is_over": day < now.astimezone(timezone.utc).date(),
        "month_closed_at": standing.closed_at,
        "rows": file.pop("rows"),
        "sums": file,
        **_coverage(store, day, standing),
    }


def _coverage(store: Store, day: date, standing: _Standing) -> dict[str, Any]:
    """What is known now of the day's attempts, whatever is booked of them."""
    asked = {"day": day, "version": standing.newest_version}
    found = store.query(load("server.focus", "statuses"), asked).dicts()
    attempts, priced = (sum(one[name] for one in found) for name in ("attempts", "priced"))
    known = sum((one["known_cost"] for one in found), Decimal(0))
    return {
        "newest_call_started_at": max((one["newest_call"] for one in found), default=None),
        "newest_call_received_at": max((one["newest_received"] for one in found), default=None),
        "attempts": attempts,
        "priced_attempts": priced,
        "priced_share": priced / attempts if attempts else None,
        "attempts_by_cost_status": {one["status"]: one["attempts"] for one in found if one["attempts"]},
        "known_cost": known,
        "not_booked": None if standing.closed_at is None else known - standing.booked,
    }


def _standing(store: Store, day: date) -> _Standing:
    newest, closed, version, booked = store.query(load("server.focus", "month"), {"day": day}).rows[0]
    if closed.year == 1970:
        return _Standing(None, booked, newest, newest)
    return _Standing(closed, booked, version, newest)


def _bound(day: date, standing: _Standing) -> Mapping[str, Any]:
    closed = int(standing.closed_at is not None)
    return {"day": day, "version": standing.version, "closed": closed, **parameters()}


def _check_kept(store: Store, day: date) -> None:
    since = kept_since(store)
    if datetime(day.year, day.month, day.day, tzinfo=timezone.utc) < since:
        first = (since - timedelta(microseconds=1)).date() + timedelta(days=1)
        raise ValueError(
            f"the calls of {day} are no longer kept: ask for days from {first} on, or for the month with books export"
        )
