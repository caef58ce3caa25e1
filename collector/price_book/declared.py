"""What the operator declares of names that tell nothing: deployments, inference profiles, aliases, own servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from collector.wildcard import fits


class DeclaredModel(BaseModel):
    """Which model of the price book a name means, or what an own model is called in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="Name as calls have it: a deployment, an ARN, an alias; * is any text.")
    provider: str = Field(default="", description="Provider as calls have it; empty: any.")
    host: str = Field(default="", description="Host as calls have it, * is any text; empty: any.")
    is_model: str = Field(min_length=1, description="Model of the price book.")
    of_provider: str = Field(min_length=1, description="Its provider in the price book.")
    context: str = Field(default="", description="Further context of its price: data-zone, or empty.")


class PricesConfig(BaseModel):
    """What the price book cannot know of the names of models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, DeclaredModel] = Field(
        default_factory=dict,
        description="What names mean: a table by label with name, provider, host, is_model, of_provider, context.",
    )

    def declared(self) -> Declared:
        """The entries, in their order."""
        return Declared(tuple(self.models.values()))


class Meaning(NamedTuple):
    """The model that a name is declared to mean."""

    provider: str
    model: str
    context: str


class Declared:
    """All entries; the first that fits decides."""

    def __init__(self, models: Sequence[DeclaredModel] = ()) -> None:
        self._models = tuple(models)

    @property
    def contexts(self) -> Sequence[str]:
        """The further contexts that they name."""
        return [entry.context for entry in self._models if entry.context]

    @property
    def meanings(self) -> Sequence[Meaning]:
        """What names are declared to mean."""
        return [Meaning(entry.of_provider, entry.is_model, entry.context) for entry in self._models]

    def model(self, provider: str, host: str, name: str) -> Meaning | None:
        """The model that a name means when a provider at a host has it; None if nothing is declared."""
        for entry in self._models:
            if (
                fits(name.lower(), entry.name.lower())
                and entry.provider.lower() in ("", provider.lower())
                and (not entry.host or fits(host.lower(), entry.host.lower()))
            ):
                return Meaning(entry.of_provider, entry.is_model, entry.context)
        return None
