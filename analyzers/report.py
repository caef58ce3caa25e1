"""Reports over a range of time: cost, latency, limits, drift and losses, by the dimensions that the reader asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from store.connection import Store
from store.sql import load

_CALL_DIMENSIONS: Final = ("team", "app", "feature", "environment", "provider", "model", "operation")
DIMENSIONS: Final = {
    "cost": _CALL_DIMENSIONS,
    "latency": _CALL_DIMENSIONS,
    "limits": _CALL_DIMENSIONS,
    "drift": ("team", "app", "kind"),
    "losses": ("app", "process"),
    "ledger": ("hour", "app", "process"),
}
"""What each kind of report can be broken down by; the first is for readers who ask for none."""

_COLUMNS: Final = {
    "cost": ("cost_usd", "estimated_usd", "attempts", "priced_share", "input_tokens", "output_tokens"),
    "latency": (
        "operations",
        "felt_p50_ms",
        "felt_p95_ms",
        "felt_p99_ms",
        "first_token_p50_ms",
        "first_token_p95_ms",
        "first_token_p99_ms",
    ),
    "limits": ("attempts", "rate_limited", "rate_limited_ratio", "errors", "error_ratio"),
    "drift": ("comparisons", "findings", "novel_share", "shift_sd", "p_value", "note"),
    "losses": (
        *("processes", "silent", "emitted", "stored", "repeated", "dropped", "reasons_of_drops"),
        *("dead_letters", "missing", "unknown_tail", "spooled", "least_delay_ms"),
    ),
    "ledger": (
        *("emitted", "stored", "repeated", "dropped", "reasons_of_drops", "spooled"),
        *("dead_letters", "in_gaps", "gaps", "least_delay_ms"),
    ),
}
_BY_PERIOD: Final = ("cost", "latency", "limits")
_MINUTES_SUFFICE: Final = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Report:
    """A table: `rows` in the order of `columns`; None is unknown."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def report(store: Store, kind: str, by: Sequence[str], start: datetime, end: datetime) -> Report:
    """The report `kind` over start ≤ t < end, one row per combination of the dimensions `by`.

    Calls are counted by the minute in which they started, drift by the end of its comparison, losses by when a process
    was heard of last, the ledger by whole hours. The last row of a cost report by some dimension is the total of
    everything. Raises ValueError for an unknown kind or dimension, StoreError.
    """
    if kind not in DIMENSIONS:
        raise ValueError(f"no report {kind}: the reports are {', '.join(DIMENSIONS)}")
    if unknown := [name for name in by if name not in DIMENSIONS[kind]]:
        raise ValueError(
            f"a {kind} report has no dimension {', '.join(unknown)}: its dimensions are {', '.join(DIMENSIONS[kind])}"
        )
    columns = (*by, *_COLUMNS[kind])
    rows = _rows(store, kind, by, start, end)
    if kind == "cost" and by and rows:
        total = _rows(store, kind, (), start, end)[0]
        rows.append({**total, **dict.fromkeys(by, ""), by[0]: "total"})
    return Report(columns, [tuple(row[name] for name in columns) for row in rows])


def whole_hours(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """From when to when hours are read instead of minutes; an empty range for up to 48 hours."""
    if end - start <= _MINUTES_SUFFICE:
        return start, start
    first, after = (
        instant.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0) for instant in (start, end)
    )
    return (first if first == start else first + timedelta(hours=1)), after


def _rows(store: Store, kind: str, by: Sequence[str], start: datetime, end: datetime) -> list[dict[str, Any]]:
    parameters: dict[str, Any] = {f"by_{name}": name in by for name in DIMENSIONS[kind]}
    parameters |= {"start": start, "end": end}
    if kind in _BY_PERIOD:
        parameters["hours_from"], parameters["hours_to"] = whole_hours(start, end)
    return store.query(load("analyzers.reports", kind), parameters).dicts()
