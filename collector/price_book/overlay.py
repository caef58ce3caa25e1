"""Laying price rows over others: where both hold, the upper ones replace the lower ones, which keep the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Final

from collector.price_book.row import COLUMNS, PriceRow

_SPANS: Final = (("valid_from", "valid_to"), ("day_from", "day_to"), ("input_from", "input_to"))
_SAID: Final = attrgetter(*(name for name in COLUMNS if name not in _SPANS[0]))


def overlay(lower: Iterable[PriceRow], upper: Iterable[PriceRow]) -> list[PriceRow]:
    """Rows that do not overlap: those of `upper`, a later one over an earlier one, and what they leave of `lower`."""
    by_key: dict[int, list[PriceRow]] = defaultdict(list)
    for row in lower:
        by_key[row.price_key].append(row)
    for above in upper:
        below = by_key[above.price_key]
        by_key[above.price_key] = [rest for row in below for rest in without(row, above)] + [above]
    return [row for rows in by_key.values() for row in rows]


def without(row: PriceRow, hole: PriceRow) -> Iterator[PriceRow]:
    """What is left of where `row` holds when `hole` is taken out; `row` itself when they do not meet."""
    if intersection(row, hole) is None:
        yield row
        return
    rest: dict[str, Any] = {}
    for start, end in _SPANS:
        since, until = getattr(row, start), getattr(row, end)
        hole_since, hole_until = getattr(hole, start), getattr(hole, end)
        if since < hole_since:
            yield row._replace(**rest, **{end: hole_since})
        if hole_until < until:
            yield row._replace(**rest, **{start: hole_until})
        rest |= {start: max(since, hole_since), end: min(until, hole_until)}


def intersection(one: PriceRow, other: PriceRow) -> dict[str, Any] | None:
    """The bounds of where both hold; None where they do not meet."""
    bounds: dict[str, Any] = {}
    for start, end in _SPANS:
        bounds[start] = max(getattr(one, start), getattr(other, start))
        bounds[end] = min(getattr(one, end), getattr(other, end))
        if bounds[start] >= bounds[end]:
            return None
    return bounds


def joined(rows: Iterable[PriceRow]) -> list[PriceRow]:
    """The same rows in order, those that only follow each other in time as one."""
    found: list[PriceRow] = []
    for row in sorted(rows, key=_place):
        last = found[-1] if found else None
        if last is not None and _follows(row, last):
            found[-1] = last._replace(valid_to=row.valid_to)
        else:
            found.append(row)
    return found


def _follows(row: PriceRow, last: PriceRow) -> bool:
    """Whether `row` says the same of the time after `last`."""
    return row.valid_from == last.valid_to and _SAID(row) == _SAID(last)


def _place(row: PriceRow) -> tuple[Any, ...]:
    return row.provider, row.model, row.context, row.day_from, row.input_from, row.valid_from
