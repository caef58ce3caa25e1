"""What new statements would change of the rates that hold, before they are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from collector.price_book.effective import Statement, book_at, discounted
from collector.price_book.row import RATES, PriceRow


class RateChange(NamedTuple):
    """One rate before and after, in US dollars per million, None where there is none; `at` is from when on."""

    team: str
    provider: str
    model: str
    context: str
    at: datetime
    input_from: int
    rate: str
    before: Decimal | None
    after: Decimal | None


def preview(known: Sequence[Statement], new: Sequence[Statement], now: datetime) -> list[RateChange]:
    """Every rate that would be another one at `now`, or from when a later statement begins to hold."""
    newest = max((one.update_number for one in known), default=0)
    numbered = [replace(one, update_number=newest + 1) for one in new]
    instants = sorted({max(now, one.row.valid_from) for one in new})
    found: list[RateChange] = []
    for team in sorted({one.team for one in new}):
        before = book_at(known, newest, team)
        after = book_at([*known, *numbered], newest + 1, team)
        for at in instants:
            held = {(row.price_key, row.input_from): row for row in _holding(before, at)}
            for row in _holding(after, at):
                found += _differences(team, at, held.get((row.price_key, row.input_from)), row)
    return list(dict.fromkeys(found))


def unfitting(known: Sequence[Statement], new: Sequence[Statement]) -> list[Statement]:
    """The discounts of `new` that fit no price of the book, theirs among them, whenever they hold."""
    newest = max((one.update_number for one in known), default=0)
    discounts = [one for one in new if one.discount is not None]
    books = {team: book_at([*known, *new], newest, team) for team in {one.team for one in discounts}}
    return [one for one in discounts if not discounted(one, books[one.team])]


def _holding(rows: Iterable[PriceRow], at: datetime) -> Iterable[PriceRow]:
    return (row for row in rows if row.holds(at, row.input_from))


def _differences(team: str, at: datetime, before: PriceRow | None, after: PriceRow) -> Iterable[RateChange]:
    names = (after.provider, after.model, after.context)
    for rate in RATES:
        old, new = None if before is None else getattr(before, rate), getattr(after, rate)
        if old != new:
            yield RateChange(team, *names, at, after.input_from, rate, old, new)
