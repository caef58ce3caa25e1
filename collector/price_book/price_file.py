"""An operator's price file: own rates and discounts, as TOML, checked as a whole before anything is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from itertools import combinations
from typing import Any, Final, Literal

import tomllib
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from collector.price_book.effective import Statement
from collector.price_book.overlay import intersection
from collector.price_book.row import BEGINNING, DAY, END, RATES, UNBOUNDED, PriceRow, price_key

_HIGHEST_RATE: Final = Decimal(10_000)
_HIGHEST_REQUEST_RATE: Final = Decimal(1_000_000)


class _Price(BaseModel):
    """One entry: rates of a model, or a discount on those of all models that fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(min_length=1)
    model: str = Field(min_length=1)
    context: str = ""
    team: str = ""
    valid_from: date | datetime | None = None
    valid_to: date | datetime | None = None
    day_from: time = time()
    day_to: time | None = None
    input_from: int = Field(default=0, ge=0)
    input_to: int | None = Field(default=None, gt=0)
    currency: Literal["USD"] = "USD"
    rates: dict[str, Decimal] = {}
    discount: Decimal | None = Field(default=None, gt=0, le=1)
    reference: str = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> _Price:
        if bool(self.rates) == (self.discount is not None):
            raise ValueError("give either rates or a discount (0.12 is 12 % off)")
        if unknown := sorted(set(self.rates) - set(RATES)):
            raise ValueError(f"there is no rate {unknown[0]}: there are {', '.join(RATES)}")
        for name, rate in self.rates.items():
            highest = _HIGHEST_REQUEST_RATE if name == "request_rate" else _HIGHEST_RATE
            if not 0 <= rate <= highest:
                raise ValueError(f"{name} is {rate}: rates are US dollars per million, from 0 to {highest:,}")
        if self.row("").valid_from >= self.row("").valid_to:
            raise ValueError("valid_to must be later than valid_from")
        if self.input_to is not None and self.input_to <= self.input_from:
            raise ValueError("input_to must be larger than input_from")
        return self

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

    price: tuple[_Price, ...] = Field(min_length=1)


def parse_price_file(text: str, layer: str, source: str, allow_gaps: bool = False) -> list[Statement]:
    """What a price file states. Raises ValueError that names the entry and what is wrong with it.

    Entries for the same calls must not overlap, and must not leave out a time between them unless `allow_gaps`.
    """
    try:
        entries = _File.model_validate(tomllib.loads(text, parse_float=Decimal)).price
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} is no TOML file: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in first["loc"])
        raise ValueError(f"{source}, {place}: {first['msg'].removeprefix('Value error, ')}") from error
    if layer == "override" and any(entry.team for entry in entries):
        raise ValueError(f"{source}: prices of one team are a contract: record them with --layer contract")
    statements = [Statement(0, layer, entry.team, entry.row(f"{layer} {source}"), entry.discount) for entry in entries]
    _check(statements, source, allow_gaps)
    return statements


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
        if not allow_gaps and (gap := _gap(rows)):
            raise ValueError(
                f"{source}: nothing is said of {name} from {gap[0]:%Y-%m-%d} to {gap[1]:%Y-%m-%d}:"
                " fill the gap, or allow it with --allow-gaps"
            )


def _gap(rows: Sequence[PriceRow]) -> tuple[datetime, datetime] | None:
    reached = min(row.valid_to for row in rows)
    for row in sorted(rows, key=lambda row: row.valid_from):
        if row.valid_from > reached:
            return reached, row.valid_from
        reached = max(reached, row.valid_to)
    return None


def _instant(given: date | datetime | None, otherwise: datetime) -> datetime:
    if given is None:
        return otherwise
    if not isinstance(given, datetime):
        given = datetime.combine(given, time())
    return given.astimezone(timezone.utc) if given.tzinfo else given.replace(tzinfo=timezone.utc)


def _second(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
