"""Reports over a range of time, from cost to losses, by the dimensions the reader asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from store.connection import Store
from store.retention import kept_since
from store.sql import load

_CALL_DIMENSIONS: Final = ("team", "app", "feature", "environment", "provider", "model", "operation")
DIMENSIONS: Final = {
    "cost": _CALL_DIMENSIONS,
    "money": _CALL_DIMENSIONS,
    "latency": _CALL_DIMENSIONS,
    "limits": _CALL_DIMENSIONS,
    "drift": ("team", "app", "kind"),
    "capacity": ("resource", "kind", "hour"),
    "losses": ("app", "process"),
    "ledger": ("hour", "app", "process"),
}
"""What each kind of report can be broken down by; the first is for readers who ask for none."""

_COLUMNS: Final = {
    "cost": ("cost_usd", "estimated_usd", "attempts", "priced_share", "input_tokens", "output_tokens"),
    "money": (
        *("cost_usd", "per_call_usd", "per_1k_tokens_usd", "per_session_usd", "per_answer_usd"),
        *("retries_usd", "retries_share", "abandoned_usd"),
        *("cache_savings_usd", "app_cache_saved_usd", "missed_cache_usd", "priced_share"),
    ),
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
    "capacity": (
        *("hours", "cost_usd", "used_usd", "idle_usd", "used_share", "calls", "input_tokens", "output_tokens"),
        *("per_1m_tokens_usd", "list_per_1m_tokens_usd"),
    ),
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
_WITH_TOTAL: Final = ("cost", "money")
_MINUTES_SUFFICE: Final = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Report:
    """A table: `rows` in the order of `columns`, None is unknown; `note` is a sentence for people, or empty."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    note: str = ""


def report(
    store: Store, kind: str, by: Sequence[str], start: datetime, end: datetime, limit: int | None = None
) -> Report:
    """The report `kind` over start ≤ t < end, one row per combination of the dimensions `by`.

    Calls are counted by the minute in which they started, drift by the end of its comparison, losses by when a process
    was heard of last, the ledger by whole hours. Of cost and money only the `limit` most expensive rows come if it is
    given; by some dimension their last row is the total of everything. Raises ValueError for an unknown kind or
    dimension, a limit that cannot be, and for money of calls that are no longer kept; StoreError.
    """
    check_question(kind, by, limit)
    if kind == "money" and start < (since := kept_since(store)):
        raise ValueError(
            f"a money report needs single calls, which are kept from {since:%Y-%m-%d %H:%M} UTC on: "
            "ask for a shorter range, or for a cost report"
        )
    columns = (*by, *_COLUMNS[kind])
    found = groups(store, kind, by, start, end)[:limit]
    if kind in _WITH_TOTAL and by and found:
        total = groups(store, kind, (), start, end)[0]
        found.append({**total, **total_key(by)})
    return Report(columns, [tuple(row[name] for name in columns) for row in found])


def check_question(kind: str, by: Sequence[str], limit: int | None) -> None:
    """Raises ValueError for an unknown kind or dimension, a limit below 1, and a limit of what has none."""
    if kind not in DIMENSIONS:
        raise ValueError(f"no report {kind}: the reports are {', '.join(DIMENSIONS)}")
    if unknown := [name for name in by if name not in DIMENSIONS[kind]]:
        raise ValueError(
            f"a {kind} report has no dimension {', '.join(unknown)}: its dimensions are {', '.join(DIMENSIONS[kind])}"
        )
    if limit is not None and (limit < 1 or kind not in _WITH_TOTAL):
        raise ValueError(f"a limit is a number of rows, at least 1, of a report of {' or '.join(_WITH_TOTAL)}")


def groups(store: Store, kind: str, by: Sequence[str], start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The rows of a report without its total, by column; the question must be a valid one. Raises StoreError."""
    parameters: dict[str, Any] = {f"by_{name}": name in by for name in DIMENSIONS[kind]}
    parameters |= {"start": start, "end": end}
    if kind in _BY_PERIOD:
        parameters["hours_from"], parameters["hours_to"] = whole_hours(start, end)
    return store.query(load("analyzers.reports", kind), parameters).dicts()


def total_key(by: Sequence[str]) -> dict[str, str]:
    """What a total has in the columns of the dimensions, of which there is one at least."""
    return {**dict.fromkeys(by, ""), by[0]: "total"}


def dollars(amount: Decimal) -> str:
    """Four decimals, and two significant digits of what is smaller, so that a small cost never reads as nothing."""
    size, sign = abs(amount), "-" if amount < 0 else ""
    if size == 0 or size >= Decimal("0.001"):
        return f"{sign}${size:,.4f}"
    return f"{sign}${size:.{1 - size.adjusted()}f}"


def whole_hours(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """From when to when hours are read instead of minutes; an empty range for up to 48 hours."""
    if end - start <= _MINUTES_SUFFICE:
        return start, start
    first, after = (
        instant.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0) for instant in (start, end)
    )
    return (first if first == start else first + timedelta(hours=1)), after
