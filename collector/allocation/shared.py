"""Costs that teams share, such as a gateway's fee: a month's amount, day by day, by a declared driver."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

UNALLOCATED: Final = ""
_DIGITS: Final = Decimal(1).scaleb(-12)
_EXACT: Final = Context(prec=80, rounding=ROUND_FLOOR)


class SharedCostConfig(BaseModel):
    """An amount a month that is no call's, and how teams share it; days of UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    monthly: Decimal = Field(gt=0, max_digits=18, decimal_places=6, description="US dollars a month.")
    driver: Literal["cost", "tokens", "attempts", "shares"] = Field(
        default="cost", description="What teams bear it by: their cost, tokens or attempts of the day, or shares."
    )
    shares: dict[str, Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]] = Field(
        default_factory=dict, description="The share of each team, for driver shares: any numbers, such as heads."
    )
    valid_from: date = Field(description="First day that is paid.")
    valid_to: date | None = Field(default=None, description="First day that is not paid any more.")

    @model_validator(mode="after")
    def _fits(self) -> SharedCostConfig:
        if self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_to must be later than valid_from")
        if (self.driver == "shares") != (sum(self.shares.values()) > 0):
            raise ValueError("shares, more than 0 in all, belong to driver shares, and only to it")
        return self

    def is_paid(self, day: date) -> bool:
        """Whether a day of UTC is paid."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def daily(monthly: Decimal, day: date) -> Decimal:
    """The amount of one day, in US dollars; the days of a month add up to `monthly`."""
    days = monthrange(day.year, day.month)[1]
    until, before = (_floor(_EXACT.divide(monthly * count, Decimal(days))) for count in (day.day, day.day - 1))
    return until - before


def split(amount: Decimal, drivers: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """`amount` by team, in proportion to what drives it; the parts, in whole picodollars, add up to `amount`.

    What is left by rounding down goes, a picodollar each, to the teams that lost most, of equals to the first name.
    Without any driver above 0 it is unallocated. Raises ValueError for a negative driver.
    """
    if any(value < 0 for value in drivers.values()):
        raise ValueError("what drives a shared cost is negative")
    total = sum(drivers.values(), Decimal(0))
    if not total:
        return {UNALLOCATED: amount}
    exact = {team: _EXACT.divide(amount * value, total) for team, value in drivers.items() if value}
    parts = {team: _floor(part) for team, part in exact.items()}
    left = int((amount - sum(parts.values())) / _DIGITS)
    for team in sorted(parts, key=lambda team: (parts[team] - exact[team], team))[:left]:
        parts[team] += _DIGITS
    return parts


def _floor(amount: Decimal) -> Decimal:
    return amount.quantize(_DIGITS, context=_EXACT)
