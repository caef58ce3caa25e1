"""Capacity at a flat cost, such as GPUs or provisioned throughput: which calls it serves, what its hours cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from collector.wildcard import ANY, expression, fits

PATTERNS: Final = ("provider", "host", "model")
_DIGITS: Final = Decimal(1).scaleb(-12)


class CapacityConfig(BaseModel):
    """What an hour of a resource costs, and which calls it serves; patterns, where * is any text, and days of UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["ptu", "gpu", "server"] = Field(description="What it is: ptu (provisioned throughput), gpu, server.")
    hourly: Decimal = Field(gt=0, max_digits=18, decimal_places=6, description="US dollars that one hour of it costs.")
    provider: str = Field(default=ANY, description="Provider of the calls that it serves.")
    host: str = Field(default=ANY, description="Host that answers them.")
    model: str = Field(default=ANY, description="Model that answers them, as the calls name it.")
    tokens_per_hour: int | None = Field(
        default=None, gt=0, description="Tokens that it can serve in an hour; without it a used hour counts as full."
    )
    valid_from: date = Field(description="First day that is paid.")
    valid_to: date | None = Field(default=None, description="First day that is not paid any more.")

    @model_validator(mode="after")
    def _says_something(self) -> CapacityConfig:
        if self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_to must be later than valid_from")
        if all(getattr(self, name) == ANY for name in PATTERNS):
            raise ValueError(f"say which calls it serves: name one of {', '.join(PATTERNS)}")
        return self

    def paid(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """From when to when it is paid in the time from `start` to `end`; where it is not, that ends as it begins."""
        first = min(max(start, _midnight(self.valid_from)), end)
        return first, max(first, min(end, _midnight(self.valid_to))) if self.valid_to else end

    def serves(self, call: Any) -> bool:
        """Whether a call of the wire is served by it."""
        day = call.started_at.astimezone(timezone.utc).date()
        return (
            self.valid_from <= day
            and (self.valid_to is None or day < self.valid_to)
            and fits(call.provider, self.provider)
            and fits(call.host, self.host)
            and fits(call.model_responded or call.model_requested, self.model)
        )

    def expressions(self) -> dict[str, str]:
        """The patterns as regular expressions of the store, by name."""
        return {name: expression(getattr(self, name)) for name in PATTERNS}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)


def capacity_of(resources: Mapping[str, CapacityConfig], call: Any) -> str:
    """The label of the first resource that serves a call; empty for one that is paid by the token."""
    return next((label for label, resource in resources.items() if resource.serves(call)), "")


class Use(NamedTuple):
    """What the calls of one hour used of a resource; `weight` is their cost at list prices, in picodollars."""

    hour: datetime
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    weight: int = 0


def utilization(resource: CapacityConfig, use: Use) -> float | None:
    """The share of the hour's tokens that were used, at most 1; None where it is not known how many it has."""
    if resource.tokens_per_hour is None:
        return None
    return min(1.0, (use.input_tokens + use.output_tokens) / resource.tokens_per_hour)


def borne(resource: CapacityConfig, use: Use) -> Decimal:
    """What the calls of an hour bear of its cost, in US dollars: the used share, or all of a used hour."""
    if not use.weight:
        return Decimal(0)
    if resource.tokens_per_hour is None:
        return resource.hourly
    tokens = min(use.input_tokens + use.output_tokens, resource.tokens_per_hour)
    return (resource.hourly * tokens / resource.tokens_per_hour).quantize(_DIGITS)


def carried(resource: CapacityConfig, use: Use) -> Decimal:
    """What calls like those of an hour are taken to bear of a later one until that is worked out, in US dollars.

    An hour of a few tokens says nothing of the next one's price: it is carried on up to the list prices.
    """
    if resource.tokens_per_hour is None:
        return min(borne(resource, use), Decimal(use.weight).scaleb(-12))
    return borne(resource, use)
