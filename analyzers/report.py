"""Reports over a range of time, from cost to losses, by the dimensions the reader asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from store.connection import Store
from store.retention import kept_since
from store.sql import load

_OF_TOTALS: Final = ("team", "app", "feature", "environment", "provider", "model", "operation")
_OF_SINGLE_CALLS: Final = ("user", "session", "prompt", "prompt_version")
ATTRIBUTE: Final = "attribute:"
"""What the name of a dimension begins with that is an attribute of calls; the attribute's name follows."""

DIMENSIONS: Final = {
    "cost": (*_OF_TOTALS, *_OF_SINGLE_CALLS),
    "money": (*_OF_TOTALS, *_OF_SINGLE_CALLS),
    "latency": _OF_TOTALS,
    "limits": _OF_TOTALS,
    "drift": ("team", "app", "kind"),
    "capacity": ("resource", "kind", "hour"),
    "losses": ("app", "process"),
    "ledger": ("hour", "app", "process"),
}
"""What each kind of report can be broken down by; the first is for readers who ask for none.

Those of cost and money can be broken down by `attribute:NAME` as well, the attribute NAME of calls.
"""

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
        *("dead_letters", "missing", "unknown_tail", "spooled", "hook_errors", "least_delay_ms"),
    ),
    "ledger": (
        *("emitted", "stored", "repeated", "dropped", "reasons_of_drops", "spooled"),
        *("dead_letters", "in_gaps", "gaps", "least_delay_ms"),
    ),
}
_WITH_TOTAL: Final = ("cost", "money")
_SAID_WITH: Final = {
    "feature": "tokentide.context(feature=…)",
    "user": "tokentide.context(user=…) and the setting user_key",
    "session": "tokentide.context(session=…)",
    "prompt": "tokentide.context(prompt=(name, version))",
    "prompt_version": "tokentide.context(prompt=(name, version))",
}
_OF_KEPT_CALLS: Final = {"money": "a money report", "cost_of_calls": "a cost report by what only single calls know"}
_ALL_ROWS: Final = 2**63 - 1
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
    given; by some dimension their last row is the total of everything, and the note says how apps tell a dimension
    that no call has. Raises ValueError for an unknown kind or dimension, a limit that cannot be, and for what needs
    single calls that are no longer kept; StoreError.
    """
    statement = statement_for(kind, by, limit)
    check_kept(store, statement, start)
    columns = (*by, *_COLUMNS[kind])
    found = groups(store, statement, by, start, end, limit)
    note = ""
    if kind in _WITH_TOTAL and by and found:
        notes = _untold(by, found) if limit is None or len(found) < limit else []
        if kind == "money":
            notes += _charged(store, start, end)
        note = " ".join(notes)
        total = groups(store, statement, (), start, end)[0]
        found.append({**total, **total_key(by)})
    return Report(columns, [tuple(row[name] for name in columns) for row in found], note)


def statement_for(kind: str, by: Sequence[str], limit: int | None) -> str:
    """The name of the statement that answers: of cost one that reads totals, where they know the dimensions.

    Raises ValueError for an unknown kind or dimension, a limit below 1, and a limit of what has none.
    """
    if kind not in DIMENSIONS:
        raise ValueError(f"no report {kind}: the reports are {', '.join(DIMENSIONS)}")
    known, prefix = DIMENSIONS[kind], ATTRIBUTE if kind in _WITH_TOTAL else ""
    if unknown := [one for one in by if one not in known and not (prefix and one.startswith(prefix) and one != prefix)]:
        dimensions = ", ".join((*known, f"{prefix}NAME") if prefix else known)
        raise ValueError(f"a {kind} report has no dimension {', '.join(unknown)}: its dimensions are {dimensions}")
    if limit is not None and (limit < 1 or kind not in _WITH_TOTAL):
        raise ValueError(f"a limit is a number of rows, at least 1, of a report of {' or '.join(_WITH_TOTAL)}")
    return "cost_of_calls" if kind == "cost" and not set(by) <= set(_OF_TOTALS) else kind


def check_kept(store: Store, statement: str, start: datetime) -> None:
    """Raises ValueError where `statement` reads single calls and not all of them since `start` are kept; StoreError."""
    if statement in _OF_KEPT_CALLS and start < (since := kept_since(store)):
        raise ValueError(
            f"{_OF_KEPT_CALLS[statement]} needs single calls, which are kept from {since:%Y-%m-%d %H:%M} UTC on: "
            f"ask for a shorter range, or for a cost report by {', '.join(_OF_TOTALS[:-1])} or {_OF_TOTALS[-1]}"
        )


def groups(
    store: Store, statement: str, by: Sequence[str], start: datetime, end: datetime, limit: int | None = None
) -> list[dict[str, Any]]:
    """The rows of a report without its total, by column; the question must be a valid one. Raises StoreError."""
    query = load("analyzers.reports", statement)
    attributes = [name for name in by if name.startswith(ATTRIBUTE)]
    hours_from, hours_to = whole_hours(start, end)
    offered: dict[str, Any] = {
        "start": start,
        "end": end,
        "hours_from": hours_from,
        "hours_to": hours_to,
        "attributes": [name.removeprefix(ATTRIBUTE) for name in attributes],
        "rows": limit or _ALL_ROWS,
        **{name: name.removeprefix("by_") in by for name in query.parameters if name.startswith("by_")},
    }
    rows = store.query(query, {name: offered[name] for name in query.parameters}).dicts()
    return [row | dict(zip(attributes, row.get("texts_of_attributes", ()), strict=True)) for row in rows]


def _untold(by: Sequence[str], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on each dimension that no call has."""
    attributes = [name.removeprefix(ATTRIBUTE) for name in by if name.startswith(ATTRIBUTE)]
    ways = {**_SAID_WITH, **{f"{ATTRIBUTE}{name}": f"tokentide.context({name}=…)" for name in attributes}}
    return [
        f"No call here says its {name.replace(':', ' ', 1)}: apps do with {ways[name]}."
        for name in by
        if name in ways and not any(row[name] for row in found)
    ]


def _charged(store: Store, start: datetime, end: datetime) -> list[str]:
    """A sentence on the charges of the range, if there are any: they are in the cost report and no call's."""
    of_operations = {row["operation"]: row["cost_usd"] for row in groups(store, "cost", ("operation",), start, end)}
    charged = of_operations.get("charge")
    return [f"Charges are no calls: {dollars(charged)} of them are in the cost report and not here."] if charged else []


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
