"""Whose calls are that name no team: rules with the days on which they hold, so that none changes the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timezone
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from collector.wildcard import ANY, fits

_PATTERNS: Final = ("app", "feature", "environment", "provider", "host")


class OwnershipRule(BaseModel):
    """Which calls belong to a team; patterns, where * is any text, and days of UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    team: str = Field(min_length=1, description="Team that the calls belong to.")
    app: str = Field(default=ANY, description="App of the calls.")
    feature: str = Field(default=ANY, description="Feature of the calls.")
    environment: str = Field(default=ANY, description="Environment of the calls.")
    provider: str = Field(default=ANY, description="Provider of the calls.")
    host: str = Field(default=ANY, description="Host that answers them.")
    attributes: dict[str, str] = Field(default_factory=dict, description="Attributes that they must have.")
    valid_from: date | None = Field(default=None, description="First day on which calls started.")
    valid_to: date | None = Field(default=None, description="First day on which that ends.")

    @model_validator(mode="after")
    def _says_something(self) -> OwnershipRule:
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_to must be later than valid_from")
        if not self.attributes and all(getattr(self, name) == ANY for name in _PATTERNS):
            raise ValueError(f"say which calls: name one of {', '.join(_PATTERNS)} or attributes")
        return self

    def owns(self, call: Any) -> bool:
        """Whether a call of the wire is of this team."""
        day = call.started_at.astimezone(timezone.utc).date()
        if (self.valid_from and day < self.valid_from) or (self.valid_to and day >= self.valid_to):
            return False
        attributes: Mapping[str, str] = call.attributes
        return all(fits(getattr(call, name), getattr(self, name)) for name in _PATTERNS) and all(
            name in attributes and fits(attributes[name], wanted) for name, wanted in self.attributes.items()
        )


def owner_of(rules: Sequence[OwnershipRule], call: Any) -> str:
    """The team of a call that names none: that of the first rule that owns it, else none."""
    return next((rule.team for rule in rules if rule.owns(call)), "")
