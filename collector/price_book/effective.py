"""What holds: the statements of the price book and the cost versions, made one timeline for each price key.

Under a cost version every instant belongs to one update of the book: to that of the last version that covers it. The
price of a call is what the book said, after that update, about the instant at which the call started.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from itertools import groupby, pairwise, product
from typing import Final

from collector.price_book.cells import Book, EffectivePrice, cells_of
from collector.price_book.overlay import intersection, joined, overlay, without
from collector.price_book.row import BEGINNING, END, PriceRow
from collector.wildcard import fits

LAYERS: Final = ("seed", "override", "contract")
OF_AN_ACCOUNT: Final = "account:"
"""Before the name of an account, in place of a team; its contract lies over that of the team."""
OF_CAPACITY: Final = "capacity:"
"""Before the label of a resource of flat cost, in place of a team, as `collector.allocation` writes its prices."""
AT_LIST_PRICE: Final = "*"
"""In place of a team: what calls would cost without any contract."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One row of price_statements: a price row, who says it since when, and for whom.

    With a `discount` (a share of 1) the rates are so much less than what holds without any discount of that layer and
    payer; model and context are patterns then. Of two that overlap the later one holds, so 0 takes back an earlier one.
    """

    update_number: int
    layer: str
    team: str
    row: PriceRow
    discount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CostVersion:
    """One row of cost_versions."""

    number: int
    update_number: int
    calls_from: datetime
    calls_to: datetime


def book_at(statements: Iterable[Statement], update_number: int, *payers: str) -> list[PriceRow]:
    """What all layers say to `payers` after an update: rows that do not overlap.

    The contract of a later payer goes before that of an earlier one where it says something. Where none does it is what
    the layers say to everyone; to `AT_LIST_PRICE` it is what they say without contracts.
    """
    known = [one for one in _until(statements, update_number) if one.team in ("", *payers)]
    for_all: list[PriceRow] = []
    for layer in LAYERS[:-1] if payers == (AT_LIST_PRICE,) else LAYERS:
        for_all = overlay(for_all, _stated(for_all, (one for one in known if (one.layer, one.team) == (layer, ""))))
    return reduce(overlay, (_stated(for_all, (one for one in known if one.team == payer)) for payer in payers), for_all)


def _until(statements: Iterable[Statement], update_number: int) -> Iterator[Statement]:
    return (one for one in statements if one.update_number <= update_number)


def _stated(lower: Sequence[PriceRow], said: Iterable[Statement]) -> list[PriceRow]:
    """What one layer says to one payer over `lower`; a discount is taken off what holds without discounts."""
    rows: list[PriceRow] = []
    rates: list[PriceRow] = []
    for is_discount, group in groupby(said, lambda one: one.discount is not None):
        if not is_discount:
            own = [one.row for one in group]
            rows, rates = overlay(rows, own), [*rates, *own]
            continue
        undiscounted = overlay(lower, rates)
        for one in group:
            rows = _outside(one, rows) + discounted(one, undiscounted if one.discount else overlay([], rates))
    return rows


def _outside(statement: Statement, rows: Iterable[PriceRow]) -> list[PriceRow]:
    """What is left of `rows` where a discount does not fit."""
    wanted = statement.row
    return [rest for row in rows for rest in (without(row, wanted) if discounted(statement, [row]) else [row])]


def layer_of(row: PriceRow) -> str:
    """The layer from which a row of `book_at` is: what an operator states says so in its source."""
    word = row.source.partition(" ")[0]
    return word if word in LAYERS else LAYERS[0]


def update_at(versions: Iterable[CostVersion], at: datetime) -> int | None:
    """By which update of the book calls that start at `at` are priced under the last of `versions`; None by none."""
    return next((update for start, end, update in spans(versions) if start <= at < end), None)


def discounted(statement: Statement, rows: Iterable[PriceRow]) -> list[PriceRow]:
    """Those of `rows` that fit a discount, where it holds and less it; with a discount of 0 as they are."""
    wanted, discount = statement.row, statement.discount
    found = []
    for row in rows:
        if row.provider != wanted.provider or (changes := intersection(row, wanted)) is None:
            continue
        if fits(row.model, wanted.model) and fits(row.context, wanted.context):
            if discount:
                changes |= {name: rate * (1 - discount) for name, rate in row.rates.items() if rate is not None}
                changes["source"] = wanted.source
            found.append(row._replace(**changes))
    return found


def spans(versions: Iterable[CostVersion]) -> list[tuple[datetime, datetime, int]]:
    """(from, to, update number) for every instant, in order."""
    ordered = sorted(versions, key=lambda version: version.number)
    cuts = sorted({BEGINNING, END, *(cut for one in ordered for cut in (one.calls_from, one.calls_to))})
    found: list[tuple[datetime, datetime, int]] = []
    for start, end in pairwise(cuts):
        covering = [one.update_number for one in ordered if one.calls_from <= start < one.calls_to]
        if not covering:
            continue
        if found and found[-1][1:] == (start, covering[-1]):
            found[-1] = (found[-1][0], end, covering[-1])
        else:
            found.append((start, end, covering[-1]))
    return found


def effective(statements: Sequence[Statement], versions: Sequence[CostVersion]) -> list[EffectivePrice]:
    """All that holds under the last of `versions`: for everyone, and for each payer what a contract makes different.

    A contract for everyone makes the list prices different: they are those of `AT_LIST_PRICE`. The calls of an account
    and a team that both have contracts have prices of their own where these are not the account's, or else the team's.
    """
    timeline = spans(versions)
    updates = {update for _, _, update in timeline}
    rows = {update: book_at(statements, update) for update in updates}
    books = {update: _by_key(rows[update]) for update in updates}
    for_all = _on_timeline(books, timeline)
    found = list(cells_of("", "", for_all))
    contracts = _contracts(statements)
    if contracts.pop("", None):
        listed = {update: _by_key(book_at(statements, update, AT_LIST_PRICE)) for update in updates}
        found += cells_of(AT_LIST_PRICE, "", _changed(for_all, _on_timeline(listed, timeline)))
    stated: dict[str, dict[int, Book]] = {}
    theirs: dict[str, dict[int, Book]] = {}
    own: dict[str, dict[int, list[PriceRow]]] = {}
    for payer, said in sorted(contracts.items()):
        stated[payer] = {update: _by_key(_stated(rows[update], _until(said, update))) for update in updates}
        theirs[payer] = _over(books, stated[payer], _keys(stated[payer]))
        own[payer] = _changed(for_all, _on_timeline(theirs[payer], timeline))
        found += cells_of(payer, "", own[payer])
    accounts = [payer for payer in own if payer.startswith(OF_AN_ACCOUNT)]
    for account, team in product(accounts, (payer for payer in own if payer not in accounts)):
        both = _over(theirs[team], stated[account], own[team].keys() & _keys(stated[account]))
        found += cells_of(account, team, _changed(own[team] | own[account], _on_timeline(both, timeline)))
    return found


def _contracts(statements: Iterable[Statement]) -> dict[str, list[Statement]]:
    """Those of each payer."""
    found: dict[str, list[Statement]] = defaultdict(list)
    for one in statements:
        if one.layer == LAYERS[-1]:
            found[one.team].append(one)
    return found


def _keys(books: Mapping[int, Book]) -> set[int]:
    return {key for book in books.values() for key in book}


def _over(books: Mapping[int, Book], stated: Mapping[int, Book], keys: Iterable[int]) -> dict[int, Book]:
    """By update, `books` of these price keys, and over them what a payer has `stated`."""
    return {
        update: {key: overlay(book.get(key, ()), stated[update].get(key, ())) for key in keys}
        for update, book in books.items()
    }


def _changed(known: Book, book: Book) -> dict[int, list[PriceRow]]:
    return {key: list(rows) for key, rows in book.items() if rows != known.get(key)}


def _by_key(rows: Iterable[PriceRow]) -> dict[int, list[PriceRow]]:
    found: dict[int, list[PriceRow]] = defaultdict(list)
    for row in rows:
        found[row.price_key].append(row)
    return found


def _on_timeline(
    books: Mapping[int, Book], timeline: Iterable[tuple[datetime, datetime, int]]
) -> dict[int, list[PriceRow]]:
    """The rows by price key, each cut to the spans in which its update counts; `books` are by update and price key."""
    steps = list(timeline)
    is_whole = bool(steps) and (steps[0][0], steps[-1][1]) == (BEGINNING, END) and not _has_gaps(steps)
    found: dict[int, list[PriceRow]] = {}
    for key in dict.fromkeys(key for _, _, update in steps for key in books[update]):
        said = [books[update].get(key, ()) for _, _, update in steps]
        # Most updates leave most keys alone: what is said the same all along need not be cut and joined again.
        if is_whole and all(rows == said[0] for rows in said):
            found[key] = joined(said[0])
            continue
        cuts = (_within(row, start, end) for rows, (start, end, _) in zip(said, steps, strict=True) for row in rows)
        if rows := [cut for cut in cuts if cut is not None]:
            found[key] = joined(rows)
    return found


def _has_gaps(steps: Sequence[tuple[datetime, datetime, int]]) -> bool:
    return any(before[1] != after[0] for before, after in pairwise(steps))


def _within(row: PriceRow, start: datetime, end: datetime) -> PriceRow | None:
    since, until = max(start, row.valid_from), min(end, row.valid_to)
    if (since, until) == (row.valid_from, row.valid_to):
        return row
    return row._replace(valid_from=since, valid_to=until) if since < until else None
