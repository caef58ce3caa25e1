"""What holds: the statements of the price book and the cost versions, made one timeline for each price key.

Under a cost version every instant belongs to one update of the book: to that of the last version that covers it. The
price of a call is what the book said, after that update, about the instant at which the call started.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import groupby, pairwise, product
from typing import Final

from collector.price_book.overlay import intersection, joined, overlay
from collector.price_book.row import BEGINNING, DAY, END, UNBOUNDED, PriceRow

LAYERS: Final = ("seed", "override", "contract")
_PICO: Final = 1_000_000
TIERS_OF_A_SPAN: Final = 16
"""A cell is this many times the number of its span of the day, plus that of its tier; views of prices say so too."""
_MOST_TIERS: Final = TIERS_OF_A_SPAN - 1
OF_AN_ACCOUNT: Final = "account:"
"""Before the name of an account, in place of a team; it goes before the contract of the team."""
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


@dataclass(frozen=True, slots=True)
class EffectivePrice:
    """One row of effective_prices; rates are picodollars per token."""

    team: str
    price_key: int
    cell: int
    starts_at: datetime
    ends_at: datetime
    day_from: int
    input_from: int
    input_rate: int
    cache_read_rate: int
    cache_write_5m_rate: int
    cache_write_1h_rate: int
    output_rate: int
    reasoning_rate: int
    input_audio_rate: int
    cache_read_audio_rate: int
    output_audio_rate: int
    input_image_rate: int
    output_image_rate: int
    request_rate: int
    lacks_input: bool
    lacks_output: bool
    source: str


COLUMNS: Final = [field.name for field in fields(EffectivePrice)]


def book_at(statements: Iterable[Statement], update_number: int, team: str = "") -> list[PriceRow]:
    """What all layers say to a team after an update: rows that do not overlap.

    For a team that has no contract of its own it is what they say to everyone, `AT_LIST_PRICE` what they say without
    contracts.
    """
    known = [one for one in statements if one.update_number <= update_number and one.team in ("", team)]
    rows: list[PriceRow] = []
    for layer in LAYERS[:-1] if team == AT_LIST_PRICE else LAYERS:
        for payer in dict.fromkeys(("", team)):
            rows = _laid(rows, (one for one in known if (one.layer, one.team) == (layer, payer)))
    return rows


def _laid(lower: list[PriceRow], said: Iterable[Statement]) -> list[PriceRow]:
    """`lower` under what one layer says to one payer; a discount is taken off what holds without discounts."""
    rows = undiscounted = lower
    for is_discount, group in groupby(said, lambda one: one.discount is not None):
        if is_discount:
            rows = overlay(rows, [row for one in group for row in discounted(one, undiscounted)])
        else:
            own = [one.row for one in group]
            # To lay a whole seed twice would take twice as long.
            is_same = rows is undiscounted
            undiscounted = overlay(undiscounted, own)
            rows = undiscounted if is_same else overlay(rows, own)
    return rows


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
        if fnmatchcase(row.model, wanted.model) and fnmatchcase(row.context, wanted.context):
            if discount:
                changes |= {name: rate * (1 - discount) for name, rate in row.rates.items() if rate is not None}
                changes["source"] = wanted.source
            found.append(replace(row, **changes))
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

    A contract for everyone makes the list prices different: they are those of `AT_LIST_PRICE`.
    """
    timeline = spans(versions)
    updates = {update for _, _, update in timeline}
    books = {update: _by_key(book_at(statements, update)) for update in updates}
    for_all = _on_timeline(books, timeline)
    found = list(_cells("", for_all))
    for team in sorted({one.team or AT_LIST_PRICE for one in statements if one.layer == LAYERS[-1]}):
        theirs = {update: _by_key(book_at(statements, update, team)) for update in updates}
        keys = {key for update in updates for key, rows in theirs[update].items() if rows != books[update].get(key)}
        of_keys = {update: {key: book[key] for key in keys & book.keys()} for update, book in theirs.items()}
        own = _on_timeline(of_keys, timeline)
        found += _cells(team, {key: rows for key, rows in own.items() if rows != for_all.get(key)})
    return found


def _by_key(rows: Iterable[PriceRow]) -> dict[int, list[PriceRow]]:
    found: dict[int, list[PriceRow]] = defaultdict(list)
    for row in rows:
        found[row.price_key].append(row)
    return found


def _on_timeline(
    books: Mapping[int, Mapping[int, Sequence[PriceRow]]], timeline: Iterable[tuple[datetime, datetime, int]]
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
    return replace(row, valid_from=since, valid_to=until) if since < until else None


def _cells(team: str, by_key: Mapping[int, list[PriceRow]]) -> Iterator[EffectivePrice]:
    """The rows on the grid of their price key."""
    for key, rows in by_key.items():
        tiers = sorted({0, *(bound for row in rows for bound in (row.input_from, row.input_to) if bound < UNBOUNDED)})
        days = sorted({0, *(bound for row in rows for bound in (row.day_from, row.day_to) if bound < DAY)})
        if len(tiers) > _MOST_TIERS:
            raise ValueError(f"{rows[0].model} has more than {_MOST_TIERS} tiers of input tokens: state fewer")
        for (day, day_from), (tier, input_from) in product(enumerate(days), enumerate(tiers)):
            for row in _within_cell(rows, day_from, input_from):
                yield _priced(team, key, TIERS_OF_A_SPAN * day + tier, day_from, input_from, row)


def _within_cell(rows: Sequence[PriceRow], day_from: int, input_from: int) -> list[PriceRow]:
    """The rows that hold there; where there are none one that never holds, or the cell before would reach on."""
    found = [
        row for row in rows if row.day_from <= day_from < row.day_to and row.input_from <= input_from < row.input_to
    ]
    return found or [replace(rows[0], valid_from=BEGINNING, valid_to=BEGINNING)]


def _priced(team: str, key: int, cell: int, day_from: int, input_from: int, row: PriceRow) -> EffectivePrice:
    rates = filled(row)
    return EffectivePrice(
        team=team,
        price_key=key,
        cell=cell,
        starts_at=row.valid_from,
        ends_at=row.valid_to,
        day_from=day_from,
        input_from=input_from,
        **{name: picodollars(rate) for name, rate in rates.items()},
        lacks_input=rates["input_rate"] is None,
        lacks_output=rates["output_rate"] is None,
        source=row.source,
    )


def filled(row: PriceRow) -> dict[str, Decimal | None]:
    """The rates, a meter without one of its own having that of the meter that contains it."""
    rates = row.rates
    cached = _first(rates["cache_read_rate"], rates["input_rate"])
    written = _first(rates["cache_write_5m_rate"], rates["input_rate"])
    audio = _first(rates["input_audio_rate"], rates["input_rate"])
    return {
        "input_rate": rates["input_rate"],
        "cache_read_rate": cached,
        "cache_write_5m_rate": written,
        "cache_write_1h_rate": _first(rates["cache_write_1h_rate"], written),
        "output_rate": rates["output_rate"],
        "reasoning_rate": _first(rates["reasoning_rate"], rates["output_rate"]),
        "input_audio_rate": audio,
        "cache_read_audio_rate": _first(rates["cache_read_audio_rate"], rates["cache_read_rate"], audio),
        "output_audio_rate": _first(rates["output_audio_rate"], rates["output_rate"]),
        "input_image_rate": _first(rates["input_image_rate"], rates["input_rate"]),
        "output_image_rate": _first(rates["output_image_rate"], rates["output_rate"]),
        "request_rate": rates["request_rate"],
    }


def _first(*rates: Decimal | None) -> Decimal | None:
    return next((rate for rate in rates if rate is not None), None)


def picodollars(rate: Decimal | None) -> int:
    """US dollars per million tokens as picodollars per token; 0 where there is no rate."""
    return 0 if rate is None else int((rate * _PICO).to_integral_value())
