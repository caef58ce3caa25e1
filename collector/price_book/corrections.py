"""Our corrections of the seed, from corrections.toml: what it lacks or has wrong, each with its reason.

Entries of a kind are applied in the order of the file, and the kinds in this order: models (names with prices of their
own), rates, tiers, backdated contexts, shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any, Final

import tomllib
from pydantic import BaseModel, ConfigDict, Field

from collector.price_book.overlay import intersection, joined, overlay
from collector.price_book.row import BEGINNING, DAY, END, RATES, UNBOUNDED, PriceRow, price_key

_SIX_DIGITS: Final = Decimal("0.000001")
_INPUTS: Final = tuple(name for name in RATES if name.startswith(("input", "cache")))


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1)
    recorded: date
    provider: str
    reference: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """What a derived row says of where it comes from."""
        return {"source": self.source, "confidence": "derived"} | (
            {"reference": self.reference} if self.reference else {}
        )

    @property
    def source(self) -> str:
        """What a row says about where it comes from."""
        return f"correction of {self.recorded}: {self.reason}"


class _Dated(_Entry):
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def span(self) -> dict[str, Any]:
        """The bounds of time of a row."""
        return {"valid_from": _midnight(self.valid_from, BEGINNING), "valid_to": _midnight(self.valid_to, END)}


class OwnModel(_Entry):
    """A model that the seed does not tell apart: what it is called, and like which one of the seed it costs, if any."""

    model: str
    names: tuple[str, ...] = Field(min_length=1)
    like: str = ""


class Rates(_Dated):
    """Rates of a model in one context, in US dollars per million tokens."""

    models: tuple[str, ...] = Field(min_length=1)
    context: str = ""
    input_from: int = Field(default=0, ge=0)
    rates: dict[str, Decimal]


class Tier(_Dated):
    """Above a number of input tokens, the rates times so much."""

    models: tuple[str, ...] = Field(min_length=1)
    input_from: int = Field(gt=0)
    input: Decimal = Field(gt=0)
    output: Decimal = Field(gt=0)


class Backdated(_Entry):
    """Contexts that are older than what the seed tells of them: in the first known proportion to the standard rates."""

    contexts: tuple[str, ...] = Field(min_length=1)


class Share(_Entry):
    """A context of which the seed has no rates for a model: so much of the rates of another context."""

    models: tuple[str, ...] = ("*",)
    context: str
    of: str = ""
    share: Decimal = Field(gt=0)


class Corrections(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: tuple[OwnModel, ...] = ()
    rates: tuple[Rates, ...] = ()
    tier: tuple[Tier, ...] = ()
    backdated: tuple[Backdated, ...] = ()
    share: tuple[Share, ...] = ()

    def named(self, providers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The names of the seed with those of our own models before them."""
        own: dict[str, list[Any]] = {}
        for entry in self.model:
            rule = {
                "or": [
                    {"equals": name} if "*" not in name else {"starts_with": name.rstrip("*")} for name in entry.names
                ]
            }
            own.setdefault(entry.provider, []).append([entry.model, rule])
        return [{**provider, "models": own.get(provider["id"], []) + provider["models"]} for provider in providers]


def load_corrections() -> Corrections:
    """Ours, as this release has them."""
    text = resources.files("collector.price_book").joinpath("corrections.toml").read_text("utf-8")
    return Corrections.model_validate(tomllib.loads(text, parse_float=Decimal))


def corrected(seed: list[PriceRow], corrections: Corrections) -> list[PriceRow]:
    """The rows of the seed, corrected: in order, and none overlaps another."""
    rows = seed
    steps: tuple[tuple[Iterable[Any], Callable[[Any, list[PriceRow]], Iterable[PriceRow]]], ...] = (
        (corrections.model, _alike),
        (corrections.rates, _stated),
        (corrections.tier, _above),
        (corrections.backdated, _earlier),
        (corrections.share, _shared),
    )
    for entries, made in steps:
        for entry in entries:
            rows = overlay(rows, made(entry, rows))
    return joined(rows)


def _alike(entry: OwnModel, rows: list[PriceRow]) -> Iterator[PriceRow]:
    for row in rows:
        if (row.provider, row.model) == (entry.provider, entry.like):
            yield _renamed(row, model=entry.model)


def _stated(entry: Rates, rows: list[PriceRow]) -> Iterator[PriceRow]:
    if unknown := set(entry.rates) - set(RATES):
        raise ValueError(f"corrections.toml, {entry.reason!r}: there is no rate {sorted(unknown)}")
    rates: dict[str, Any] = {name: entry.rates.get(name) for name in RATES}
    for model in entry.models:
        yield PriceRow(
            price_key=price_key(entry.provider, model, entry.context),
            provider=entry.provider,
            model=model,
            context=entry.context,
            **entry.span,
            day_from=0,
            day_to=DAY,
            input_from=entry.input_from,
            input_to=UNBOUNDED,
            **rates,
            source=entry.source,
            reference=entry.reference,
            confidence="stated",
        )


def _above(entry: Tier, rows: list[PriceRow]) -> Iterator[PriceRow]:
    for row in _of(rows, entry.provider, entry.models):
        wanted = row._replace(input_from=entry.input_from, input_to=UNBOUNDED, **entry.span)
        if (bounds := intersection(row, wanted)) is not None:
            factors = {
                name: entry.input if name in _INPUTS else entry.output for name in RATES if name != "request_rate"
            }
            yield _times(row, factors)._replace(**bounds, **entry.told)


def _earlier(entry: Backdated, rows: list[PriceRow]) -> Iterator[PriceRow]:
    standard: dict[str, list[PriceRow]] = {}
    first: dict[tuple[str, str], datetime] = {}
    for row in _of(rows, entry.provider, ("*",)):
        if not row.context:
            standard.setdefault(row.model, []).append(row)
        elif row.context in entry.contexts:
            place = (row.model, row.context)
            first[place] = min(row.valid_from, first.get(place, END))
    for row in _of(rows, entry.provider, ("*",)):
        if row.valid_from == first.get((row.model, row.context)) and row.valid_from > BEGINNING:
            begun = [one for one in standard[row.model] if one.valid_from <= row.valid_from < one.valid_to]
            before = [one for one in standard[row.model] if one.valid_from < row.valid_from]
            for now, then in ((now, then) for now in begun for then in before):
                meeting = intersection(
                    then._replace(valid_from=BEGINNING, valid_to=END), now._replace(valid_from=BEGINNING, valid_to=END)
                )
                yield from _in_proportion(row, now, then, meeting, entry.told)


def _in_proportion(
    row: PriceRow, now: PriceRow, then: PriceRow, meeting: dict[str, Any] | None, told: dict[str, Any]
) -> Iterator[PriceRow]:
    """What `row` was worth when the standard rates were those of `then` instead of those of `now`."""
    if meeting is None:
        return
    bounds = intersection(row._replace(valid_from=BEGINNING, valid_to=END), now._replace(**meeting))
    if bounds is None:
        return
    rates: dict[str, Any] = {
        name: _proportion(getattr(row, name), getattr(now, name), getattr(then, name)) for name in RATES
    }
    if all(rate is None for rate in rates.values()):
        return
    span = {"valid_from": then.valid_from, "valid_to": min(then.valid_to, row.valid_from)}
    yield row._replace(**{**bounds, **span}, **rates, **told)


def _proportion(rate: Decimal | None, now: Decimal | None, then: Decimal | None) -> Decimal | None:
    if rate is None or not now or then is None:
        return rate
    return _rounded(then * rate / now)


def _shared(entry: Share, rows: list[PriceRow]) -> Iterator[PriceRow]:
    has = {row.model for row in rows if (row.provider, row.context) == (entry.provider, entry.context)}
    for row in _of(rows, entry.provider, entry.models):
        if row.context == entry.of and row.model not in has:
            yield _times(_renamed(row, context=entry.context), dict.fromkeys(RATES, entry.share))._replace(**entry.told)


def _of(rows: Iterable[PriceRow], provider: str, models: Iterable[str]) -> Iterator[PriceRow]:
    patterns = tuple(models)
    for row in rows:
        if row.provider == provider and any(fnmatchcase(row.model, pattern) for pattern in patterns):
            yield row


def _renamed(row: PriceRow, model: str = "", context: str = "") -> PriceRow:
    model, context = model or row.model, context or row.context
    return row._replace(model=model, context=context, price_key=price_key(row.provider, model, context))


def _times(row: PriceRow, factors: Mapping[str, Decimal]) -> PriceRow:
    known = {name: rate for name, rate in row.rates.items() if rate is not None and name in factors}
    rates: dict[str, Any] = {name: _rounded(rate * factors[name]) for name, rate in known.items()}
    return row._replace(**rates)


def _rounded(rate: Decimal) -> Decimal:
    return rate.quantize(_SIX_DIGITS).normalize() + 0


def _midnight(day: date | None, otherwise: datetime) -> datetime:
    return otherwise if day is None else datetime.combine(day, time(), timezone.utc)
