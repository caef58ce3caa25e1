"""Settings of budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

FILTERS = ("team", "app", "feature", "environment", "provider", "model")
"""The dimensions of calls by which a budget chooses what it counts."""

PeriodKind = Literal["day", "week", "month", "quarter"]
Threshold = Annotated[Decimal, Field(gt=0, le=100, decimal_places=4)]


class Budget(BaseModel):
    """How much certain calls may cost in each calendar period."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal = Field(gt=0, max_digits=24, decimal_places=12, description="US dollars a period.")
    period: PeriodKind = Field(description="day, week, month or quarter, of budgets.time_zone.")
    team: str = Field(default="", description="Team whose calls count, * is any text; empty: any.")
    app: str = Field(default="", description="App, likewise.")
    feature: str = Field(default="", description="Feature, likewise.")
    environment: str = Field(default="", description="Environment, likewise.")
    provider: str = Field(default="", description="Provider, likewise.")
    model: str = Field(default="", description="Model, likewise.")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="Free labels that the calls must have, by name, likewise."
    )
    thresholds: tuple[Threshold, ...] = Field(
        default=(Decimal("0.5"), Decimal("0.8"), Decimal("1.0")),
        description="Shares of the amount that are put on record when they are reached.",
    )

    @field_validator("thresholds")
    @classmethod
    def _rising(cls, thresholds: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
        return tuple(sorted(set(thresholds)))

    @field_validator("attributes")
    @classmethod
    def _say_something(cls, attributes: dict[str, str]) -> dict[str, str]:
        for name, pattern in attributes.items():
            if not name or not pattern:
                raise ValueError(f'write a name and a text, as {{ {name or "tenant"} = "acme" }}; "*" is any text')
        return attributes

    def filters(self) -> dict[str, str]:
        """The pattern of each dimension; an empty one means any."""
        return {dimension: getattr(self, dimension) for dimension in FILTERS}


class BudgetsConfig(BaseModel):
    """What may be spent: a table by name, such as `[budgets.search-month]`, with amount in US dollars, period (day,
    week, month or quarter), thresholds (0.5, 0.8, 1.0) and any of team, app, feature, environment, provider, model and
    attributes.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    __pydantic_extra__: dict[str, Budget] = Field(init=False)

    time_zone: str = Field(default="UTC", description="Zone whose calendar the periods follow, as Europe/Berlin.")
    every_s: int = Field(
        default=300, ge=60, multiple_of=60, description="How often budgets are evaluated, whole minutes, seconds."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {name}: name one as Europe/Berlin or UTC") from error
        return name

    def zone(self) -> ZoneInfo:
        """The zone of the periods."""
        return ZoneInfo(self.time_zone)

    def named(self) -> dict[str, Budget]:
        """The budgets by name, in their order."""
        return dict(self.__pydantic_extra__)
