"""What a name means and what a usage costs: by the price book of this release, or by that of a store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from starlette.requests import Request
from starlette.routing import Route

from collector.price_book.book import PriceBook
from collector.price_book.effective import OF_AN_ACCOUNT, layer_of
from collector.price_book.names import Model
from collector.price_book.release import release_rows
from collector.price_book.resolve import Named, Resolver
from collector.price_book.row import PriceRow
from collector.price_book.stated import stated_models
from collector.price_book.usage_cost import Part, usage_cost
from server.config import Config
from server.exact_json import exact
from server.instant import parse_instant
from server.json_routes import read_route
from server.keeping import Clock
from store.connection import Store


class Book(Protocol):
    """A price book that can be asked for one key."""

    def stated(self) -> Sequence[Model]:
        """The models of which an operator states rates in it."""

    def rows(self, price_key: int, at: datetime, payers: Sequence[str]) -> Sequence[PriceRow]:
        """The rows of a key by which calls that start at `at` are priced; they may hold at other times.

        The contract of a later one of `payers` lies over that of an earlier one.
        """

    def told(self, payers: Sequence[str]) -> str:
        """Which book it is, as the end of a sentence."""


class ReleaseBook:
    """The price book of this release, which knows no contracts."""

    def stated(self) -> Sequence[Model]:
        """None."""
        return ()

    def rows(self, price_key: int, at: datetime, payers: Sequence[str]) -> Sequence[PriceRow]:
        """Its rows of a key. Raises ValueError for a payer."""
        if payers:
            raise ValueError(
                "only the price book of a store has contracts of teams and accounts:"
                " ask one, or leave --team and --account away"
            )
        return release_rows().get(price_key, ())

    def told(self, payers: Sequence[str]) -> str:
        """Which book it is."""
        return "the price book of this release"


class StoreBook:
    """The price book of a store, with its overrides and contracts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def stated(self) -> Sequence[Model]:
        """Those of its overrides and contracts. Raises StoreError."""
        return stated_models(self._store)

    def rows(self, price_key: int, at: datetime, payers: Sequence[str]) -> Sequence[PriceRow]:
        """Its rows of a key. Raises StoreError."""
        return PriceBook(self._store).rows_of(price_key, at, payers)

    def told(self, payers: Sequence[str]) -> str:
        """Which book it is, and for whom."""
        return "the price book of the store" + (f", for {' and '.join(map(_payer, payers))}" if payers else "")


def resolution(book: Book, config: Config, asked: Mapping[str, str], clock: Clock) -> dict[str, Any]:
    """Every step from the names in `asked` to the model, and the rows of the `book` that hold for it.

    Raises ValueError, StoreError.
    """
    at, payers = _at(asked, clock), _payers(asked)
    found = _resolver(book, config).resolve(_named(asked))
    rows = () if found.model is None else book.rows(found.price_key, at, payers)
    held = [row for row in rows if row.valid_from <= at < row.valid_to]
    return {
        "steps": [*found.steps, *_region_steps(asked)],
        "is_known": found.model is not None,
        "book": book.told(payers),
        "at": at,
        "rows": [_row(row) for row in sorted(held, key=lambda row: (row.day_from, row.input_from))],
    }


def costing(book: Book, config: Config, asked: Mapping[str, str], clock: Clock) -> dict[str, Any]:
    """What the counts in `asked["usage"]`, a JSON object, cost: the steps, the row and the parts, which add up.

    Raises ValueError, StoreError.
    """
    at, payers = _at(asked, clock), _payers(asked)
    try:
        counts = json.loads(asked.get("usage", ""))
    except json.JSONDecodeError as error:
        raise ValueError(f"usage: write an object of counts ({error})") from error
    if not isinstance(counts, dict):
        raise ValueError("usage: write an object of counts")
    found = _resolver(book, config).resolve(_named(asked))
    rows = () if found.model is None else book.rows(found.price_key, at, payers)
    try:
        cost = usage_cost(rows, at, counts)
    except ValueError as error:
        raise ValueError(f"usage: {error}") from error
    return {
        "steps": [*found.steps, *_region_steps(asked)],
        "book": book.told(payers),
        "status": cost.status,
        "cost": _text(cost.cost),
        "row": None if cost.row is None else _row(cost.row),
        "parts": [_part(part) for part in cost.parts],
    }


def routes(store: Store, config: Config, clock: Clock) -> Iterable[Route]:
    """`GET /api/prices/resolve?provider=openai&model=gpt-5&team=search&region=…`, `/api/prices/cost?…&usage={…}`."""
    book = StoreBook(store)

    def resolve(request: Request) -> dict[str, Any]:
        return resolution(book, config, request.query_params, clock)

    def cost(request: Request) -> dict[str, Any]:
        return costing(book, config, request.query_params, clock)

    return [read_route("/api/prices/resolve", resolve), read_route("/api/prices/cost", cost)]


def _resolver(book: Book, config: Config) -> Resolver:
    return Resolver(config.prices.declared(), stated=book.stated())


def _named(asked: Mapping[str, str]) -> Named:
    if not asked.get("model"):
        raise ValueError("name a provider and a model")
    return Named(asked.get("provider", ""), asked.get("host", ""), asked["model"], "", asked.get("tier", ""))


def _region_steps(asked: Mapping[str, str]) -> list[str]:
    """What the region of a call does to its price: the collector takes none into the price key."""
    if not asked.get("region"):
        return []
    return [
        f"the region {asked['region']!r} changes no price of the book: where the place of a model has a price,"
        " its name or an entry of prices.models says so"
    ]


def _at(asked: Mapping[str, str], clock: Clock) -> datetime:
    return parse_instant(asked["at"]) if asked.get("at") else clock()


def _payers(asked: Mapping[str, str]) -> list[str]:
    """Whose contracts hold, the account's over the team's."""
    account, team = asked.get("account"), asked.get("team")
    return [payer for payer in (team, f"{OF_AN_ACCOUNT}{account}" if account else "") if payer]


def _payer(payer: str) -> str:
    account = payer.removeprefix(OF_AN_ACCOUNT)
    return f"team {payer}" if account == payer else f"account {account}"


def _row(row: PriceRow) -> dict[str, Any]:
    return {
        "layer": layer_of(row),
        "source": row.source,
        "reference": row.reference,
        "confidence": row.confidence,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "day_from": row.day_from,
        "input_from": row.input_from,
        "rates": {name: _text(rate) for name, rate in row.rates.items() if rate is not None},
    }


def _part(part: Part) -> dict[str, Any]:
    return {"meter": part.meter, "tokens": part.tokens, "rate": _text(part.rate), "cost": _text(part.cost)}


def _text(cost: Decimal | None) -> str | None:
    return None if cost is None else exact(cost)
