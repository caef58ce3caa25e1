"""What new statements would change of the rates that hold, before they are recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from collector.price_book.effective import Statement, book_at, discounted
from collector.price_book.row import RATES, PriceRow


class RateChange(NamedTuple):
    """One rate before and after, in US dollars per million, None where there is none.

    `at` is from when on, `day_from` from which second of the UTC day, `input_from` from how many input tokens on.
    """

    team: str
    provider: str
    model: str
    context: str
    at: datetime
    day_from: int
    input_from: int
    rate: str
    before: Decimal | None
    after: Decimal | None


def preview(known: Sequence[Statement], new: Sequence[Statement], now: datetime) -> list[RateChange]:
    """Every rate that would be another one at `now`, or from a later instant on at which the change is another one.

    Before and after are compared wherever either has an edge, of input tokens and of the day.
    """
    newest = max((one.update_number for one in known), default=0)
    numbered = [replace(one, update_number=newest + 1) for one in new]
    found: list[RateChange] = []
    for team in sorted({one.team for one in new}):
        before = _by_key(book_at(known, newest, team))
        after = _by_key(book_at([*known, *numbered], newest + 1, team))
        for key, rows in after.items():
            if rows != before.get(key, []):
                found += sorted(_changes(team, before.get(key, []), rows, now), key=lambda one: one[4:7])
    return found


def unfitting(known: Sequence[Statement], new: Sequence[Statement]) -> list[Statement]:
    """The discounts of `new` that fit no price of the book, theirs among them, whenever they hold."""
    newest = max((one.update_number for one in known), default=0)
    discounts = [one for one in new if one.discount is not None]
    books = {team: book_at([*known, *new], newest, team) for team in {one.team for one in discounts}}
    return [one for one in discounts if not discounted(one, books[one.team])]


def _by_key(rows: Iterable[PriceRow]) -> Mapping[int, list[PriceRow]]:
    found: dict[int, list[PriceRow]] = defaultdict(list)
    for row in rows:
        found[row.price_key].append(row)
    return found


def _changes(team: str, before: Sequence[PriceRow], after: Sequence[PriceRow], now: datetime) -> Iterator[RateChange]:
    rows = [*before, *after]
    names = (rows[0].provider, rows[0].model, rows[0].context)
    instants = sorted({max(now, row.valid_from) for row in rows})
    for day, tokens in product(sorted({row.day_from for row in rows}), sorted({row.input_from for row in rows})):
        told: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        for at in instants:
            old, new = (_rates(said, at, day, tokens) for said in (before, after))
            for rate in RATES:
                change = (old.get(rate), new.get(rate))
                if change[0] != change[1] and change != told.get(rate):
                    yield RateChange(team, *names, at, day, tokens, rate, *change)
                told[rate] = change


def _rates(rows: Iterable[PriceRow], at: datetime, day: int, tokens: int) -> Mapping[str, Decimal | None]:
    """The rates of the row that holds there; none where there is none."""
    for row in rows:
        if (
            row.valid_from <= at < row.valid_to
            and row.day_from <= day < row.day_to
            and row.input_from <= tokens < row.input_to
        ):
            return row.rates
    return {}
