"""Holes between the rows that a price file states of one model: in time, in the day, in the size of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final

from collector.price_book.row import PriceRow


def gap(rows: Sequence[PriceRow]) -> str | None:
    """From where to where nothing is said between two of `rows`, which do not overlap; None if there is no such hole.

    What is before the first row and after the last one belongs to the layers below: it is no hole.
    """
    for span, told in _TOLD.items():
        for beside in _slices(rows, [other for other in _TOLD if other != span]):
            if (hole := _hole(beside, *span)) is not None:
                return told(*hole)
    return None


def _slices(rows: Sequence[PriceRow], spans: Sequence[tuple[str, str]]) -> Iterator[list[PriceRow]]:
    """The rows that hold at one place of other spans, for every place at which it may be others that do."""
    edges = [sorted({getattr(row, edge) for row in rows for edge in span}) for span in spans]
    for place in product(*edges):
        yield [row for row in rows if all(_covers(row, *span, at) for span, at in zip(spans, place, strict=True))]


def _covers(row: PriceRow, start: str, end: str, at: Any) -> bool:
    return bool(getattr(row, start) <= at < getattr(row, end))


def _hole(rows: Sequence[PriceRow], start: str, end: str) -> tuple[Any, Any] | None:
    reached = None
    for row in sorted(rows, key=lambda row: getattr(row, start)):
        if reached is not None and getattr(row, start) > reached:
            return reached, getattr(row, start)
        reached = getattr(row, end)
    return None


def _days(since: datetime, until: datetime) -> str:
    return f"from {since:%Y-%m-%d} to {until:%Y-%m-%d}"


def _hours(since: int, until: int) -> str:
    return f"from {_hour(since)} to {_hour(until)} UTC"


def _hour(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}"


def _tokens(since: int, until: int) -> str:
    return f"from {since:,} to {until:,} input tokens"


_TOLD: Final[dict[tuple[str, str], Callable[..., str]]] = {
    ("valid_from", "valid_to"): _days,
    ("day_from", "day_to"): _hours,
    ("input_from", "input_to"): _tokens,
}
