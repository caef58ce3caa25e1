"""An operator's price file: own rates and discounts, as TOML, checked as a whole before anything is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from itertools import combinations
from typing import Any, Final

import tomllib
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from collector.price_book.declared import Declared
from collector.price_book.effective import AT_LIST_PRICE, OF_AN_ACCOUNT, OF_CAPACITY, Statement
from collector.price_book.gaps import gap
from collector.price_book.overlay import intersection
from collector.price_book.resolve import contexts
from collector.price_book.row import BEGINNING, DAY, END, RATES, UNBOUNDED, PriceRow, price_key
from collector.wildcard import ANY, fits

_CURRENCY: Final = "USD"
_HIGHEST_RATE: Final = Decimal(10_000)
_HIGHEST_REQUEST_RATE: Final = Decimal(1_000_000)
_OF_A_CALL: Final = ("day_from", "day_to", "input_from", "input_to")
# What price_statements can hold.
_DIGITS: Final = 6


class _Price(BaseModel):
    """One entry: rates of a model, or a discount on those of all models that fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(min_length=1)
    model: str = Field(min_length=1)
    context: str = ""
    team: str = ""
    account: str = ""
    valid_from: date | datetime | None = None
    valid_to: date | datetime | None = None
    day_from: time = time()
    day_to: time | None = None
    input_from: int = Field(default=0, ge=0)
    input_to: int | None = Field(default=None, gt=0)
    currency: str = _CURRENCY
    rates: dict[str, Decimal] = {}
    discount: Decimal | None = Field(default=None, ge=0, le=1, decimal_places=_DIGITS)
    reference: str = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> _Price:
        if self.team and self.account:
            raise ValueError("a contract is of a team or of an account: give one of them")
        if self.team == AT_LIST_PRICE or self.team.startswith(OF_AN_ACCOUNT):
            raise ValueError(f"{self.team} cannot be a team; write account = … for the contract of an account")
        if self.team.startswith(OF_CAPACITY):
            raise ValueError(f"{self.team} cannot be a team; what capacity costs is the setting collector.capacity")
        if self.currency != _CURRENCY:
            raise ValueError(f"currency is {self.currency}: rates are in US dollars: convert them")
        if bool(self.rates) == (self.discount is not None):
            raise ValueError("give either rates or a discount (0.12 is 12 % off)")
        if is_pattern(self.provider) or (self.rates and is_pattern(self.model)):
            raise ValueError("only model and context of a discount may be patterns: write the name of one")
        if unknown := sorted(set(self.rates) - set(RATES)):
            raise ValueError(f"there is no rate {unknown[0]}: there are {', '.join(RATES)}")
        for name, rate in self.rates.items():
            highest = _HIGHEST_REQUEST_RATE if name == "request_rate" else _HIGHEST_RATE
            if not 0 <= rate <= highest:
                raise ValueError(f"{name} is {rate}: rates are US dollars per million, from 0 to {highest:,}")
            if rate != round(rate, _DIGITS):
                raise ValueError(f"{name} is {rate}: a rate has at most {_DIGITS} digits after the point")
        for name in ("valid_from", "valid_to", "day_from", "day_to"):
            at = getattr(self, name)
            if isinstance(at, (datetime, time)) and (at.second or at.microsecond):
                raise ValueError(f"{name} is {at}: prices change on a whole minute")
        if self.row("").valid_from >= self.row("").valid_to:
            raise ValueError("valid_to must be later than valid_from")
        if self.row("").day_from >= self.row("").day_to:
            raise ValueError(
                "day_to must be later than day_from: leave it away for midnight; a night is two entries,"
                " with --allow-gaps where the day between them is left to the layers below"
            )
        if self.input_to is not None and self.input_to <= self.input_from:
            raise ValueError("input_to must be larger than input_from")
        return self

    @property
    def payer(self) -> str:
        """Whose price it is, as in `Statement.team`."""
        return f"{OF_AN_ACCOUNT}{self.account}" if self.account else self.team

    def row(self, source: str) -> PriceRow:
        """It as a row of the price book."""
        rates: dict[str, Any] = {name: self.rates.get(name) for name in RATES}
        return PriceRow(
            price_key=price_key(self.provider, self.model, self.context),
            provider=self.provider,
            model=self.model,
            context=self.context,
            valid_from=_instant(self.valid_from, BEGINNING),
            valid_to=_instant(self.valid_to, END),
            day_from=_second(self.day_from),
            day_to=DAY if self.day_to is None else _second(self.day_to),
            input_from=self.input_from,
            input_to=UNBOUNDED if self.input_to is None else self.input_to,
            **rates,
            source=source,
            reference=self.reference,
            confidence="stated",
        )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    price: tuple[_Price, ...]


def parse_price_file(
    text: str, layer: str, source: str, allow_gaps: bool = False, declared: Declared | None = None
) -> list[Statement]:
    """What a price file states. Raises ValueError that names the entry and what is wrong with it.

    Entries for the same calls must not overlap, and must not leave out a time, a part of the day or sizes of the input
    between them unless `allow_gaps`. A discount must not be replaced by one of more models below it. Contexts are those
    that names can have, `declared` ones among them.
    """
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} is no TOML file: {error}") from error
    if not _has_entries(found):
        raise ValueError(f"{source} states no price: write [[price]] and below it provider, model and rates")
    try:
        entries = _File.model_validate(found).price
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in first["loc"])
        raise ValueError(f"{source}, {place}: {first['msg'].removeprefix('Value error, ')}") from error
    if layer == "override" and any(entry.payer for entry in entries):
        raise ValueError(f"{source}: prices of one team or account are a contract: record them with --layer contract")
    _check_contexts(entries, source, contexts(declared or Declared()))
    statements = [Statement(0, layer, entry.payer, entry.row(f"{layer} {source}"), entry.discount) for entry in entries]
    _check(statements, source, allow_gaps)
    _check_order([statement for statement in statements if statement.discount is not None], source)
    return statements


def _has_entries(found: Mapping[str, Any]) -> bool:
    entries = found.get("price")
    return isinstance(entries, list) and bool(entries) and all(isinstance(entry, dict) for entry in entries)


def is_pattern(name: str) -> bool:
    """Whether a name may stand for several."""
    return ANY in name


def _check_contexts(entries: Sequence[_Price], source: str, known: Sequence[str]) -> None:
    for number, entry in enumerate(entries, start=1):
        is_of = fits if entry.discount is not None else str.__eq__
        if not any(is_of(context, entry.context) for context in known):
            names = ", ".join(filter(None, known))
            raise ValueError(
                f"{source}, price.{number}: there is no context {entry.context!r}: there are {names};"
                " leave it away for the standard rates"
            )


def _check(statements: Sequence[Statement], source: str, allow_gaps: bool) -> None:
    alike: dict[tuple[Any, ...], list[PriceRow]] = {}
    for statement in statements:
        which = (statement.team, statement.row.price_key, statement.discount is None)
        alike.setdefault(which, []).append(statement.row)
    for rows in alike.values():
        name = f"{rows[0].model} of {rows[0].provider}"
        for one, other in combinations(rows, 2):
            if intersection(one, other) is not None:
                raise ValueError(
                    f"{source}: two entries for {name} overlap: end one with valid_to where the other begins"
                )
        if not allow_gaps and (hole := gap(rows)):
            raise ValueError(f"{source}: nothing is said of {name} {hole}: fill the gap, or allow it with --allow-gaps")


def _check_order(discounts: Sequence[Statement], source: str) -> None:
    """Refuse a discount that one of more models below it replaces at all hours and sizes: it is expected to hold."""
    for one, later in combinations(discounts, 2):
        names, patterns = ((row.provider, row.model, row.context) for row in (one.row, later.row))
        if one.team != later.team or names == patterns or not all(map(fits, names, patterns)):
            continue
        both = intersection(one.row, later.row)
        if both and all(both[bound] == getattr(one.row, bound) for bound in _OF_A_CALL):
            raise ValueError(
                f"{source}: the discount of {one.discount} on {one.row.model} of {one.row.provider} is replaced by that"
                f" of {later.discount} on {later.row.model} below it: write that one first, or end one with valid_to"
                " where the other begins"
            )


def _instant(given: date | datetime | None, otherwise: datetime) -> datetime:
    if given is None:
        return otherwise
    if not isinstance(given, datetime):
        given = datetime.combine(given, time())
    given = given.replace(microsecond=0)
    return given.astimezone(timezone.utc) if given.tzinfo else given.replace(tzinfo=timezone.utc)


def _second(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
