"""The cost of a range beside that of the range before it, and what made the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from analyzers.anomalies import Groups, Usage, explain
from analyzers.report import Report, check_kept, dollars, groups, statement_for, total_key
from store.connection import Store

_COLUMNS: Final = ("cost_usd", "previous_usd", "change_usd", "change_ratio", "priced_share", "previous_priced_share")

Row = Mapping[str, Any]
_NO_CALLS: Final[Row] = {"cost_usd": Decimal(0), "priced_share": None}


def compare_cost(store: Store, by: Sequence[str], start: datetime, end: datetime, limit: int | None = None) -> Report:
    """The cost over start ≤ t < end beside that of the same length of time before `start`, one row per combination.

    The rows with the largest change come first, `limit` of them if it is given, and those with an unknown change last;
    by some dimension the last row is the total of everything. Where there were no calls the cost is 0 and its priced
    share None. The note says how the total changed and why. Raises ValueError for an unknown dimension, a limit below
    1, and for what needs single calls that are no longer kept; StoreError.
    """
    statement = statement_for("cost", by, limit)
    spans = (start, end), (start - (end - start), start)
    check_kept(store, statement, spans[1][0])
    now, before = (_by_key(store, statement, by, *span) for span in spans)
    keys = sorted(now | before)
    compared = [dict(zip(by, key, strict=True)) | _beside(now.get(key), before.get(key)) for key in keys]
    rows = sorted(compared, key=lambda row: _size(row["change_usd"]), reverse=True)[:limit]
    columns = (*by, *_COLUMNS)
    if not rows:
        return Report(columns, [])
    total = _beside(*(_by_key(store, statement, (), *span).get(()) for span in spans))
    if by:
        rows.append(total_key(by) | total)
    finest = by if "model" in by else (*by, "model")
    after_use, before_use = (_usage(_by_key(store, statement, finest, *span)) for span in spans)
    note = _note(total, finest, before_use, after_use)
    return Report(columns, [tuple(row[name] for name in columns) for row in rows], note)


def _by_key(
    store: Store, statement: str, by: Sequence[str], start: datetime, end: datetime
) -> dict[tuple[str, ...], Row]:
    return {tuple(row[name] for name in by): row for row in groups(store, statement, by, start, end)}


def _beside(now: Row | None, before: Row | None) -> dict[str, Any]:
    now, before = now or _NO_CALLS, before or _NO_CALLS
    cost, previous = now["cost_usd"], before["cost_usd"]
    change = None if cost is None or previous is None else cost - previous
    ratio = None if change is None or not previous else float(change / previous)
    return dict(
        zip(_COLUMNS, (cost, previous, change, ratio, now["priced_share"], before["priced_share"]), strict=True)
    )


def _size(change: Decimal | None) -> Decimal:
    """Ranks an unknown change below every known one."""
    return Decimal(-1) if change is None else abs(change)


def _usage(rows: Mapping[tuple[str, ...], Row]) -> Groups:
    """What is known of the groups; one without any known cost is not in the totals either."""
    return {
        key: Usage(row["attempts"], row["input_tokens"] + row["output_tokens"], float(row["cost_usd"]))
        for key, row in rows.items()
        if row["cost_usd"] is not None
    }


def _note(total: Row, dimensions: Sequence[str], before: Groups, after: Groups) -> str:
    change = total["change_usd"]
    if change is None:
        return "How the total changed is unknown: in one of the two ranges no call has a known cost."
    found = explain(dimensions, before, after)
    effects = ((name, getattr(found, name)) for name in ("price", "volume", "mix"))
    note = f"Total {_signed(change)}: " + ", ".join(f"{name} {_signed(effect)}" for name, effect in effects)
    if found.top:
        note += f". What stands out is {found.top.named} with {_signed(found.top.change)}"
    unknown = any(total[share] not in (None, 1) for share in ("priced_share", "previous_priced_share"))
    return f"{note}. Calls of unknown cost are left out." if unknown else f"{note}."


def _signed(amount: Decimal | float) -> str:
    """`amount` to the millionth of a dollar, as effects are computed with floats."""
    rounded = round(Decimal(amount), 6)
    return dollars(rounded) if rounded < 0 else f"+{dollars(rounded)}"
