"""Which model of the price book a name means: the matching rules of genai-prices, as data in names.json.

The rules of one provider are tried in their order and the first that matches decides, as in the library; a test
compares the two. Rules that only list whole names, most of them, are looked up at once.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, NamedTuple

Rule = Mapping[str, Any]
_COMPACT_DATE: Final = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class Model(NamedTuple):
    """One model of the price book: who owns it, and its name there."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class _Pattern:
    position: int
    rule: Rule
    model: str


class _Provider:
    """The models of one provider."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.id: str = raw["id"]
        self.hosts = re.compile(raw["hosts"])
        self.named: Rule | None = raw["named"]
        self.fallback: list[str] = raw["fallback"]
        self.models: list[str] = [model for model, _ in raw["models"]]
        self._whole: dict[str, tuple[int, str]] = {}
        self._patterns: list[_Pattern] = []
        for position, (model, rule) in enumerate(raw["models"]):
            alternatives = rule.get("or", [rule])
            for alternative in alternatives:
                if "equals" in alternative:
                    self._whole.setdefault(alternative["equals"].lower(), (position, model))
            rest = [alternative for alternative in alternatives if "equals" not in alternative]
            if rest:
                self._patterns.append(_Pattern(position, {"or": rest}, model))

    def find(self, name: str) -> str | None:
        """The model that the lower-case `name` means."""
        position, model = self._whole.get(name, (len(self.models), None))
        for pattern in self._patterns:
            if pattern.position >= position:
                break
            if matches(pattern.rule, name):
                return pattern.model
        return model


class Names:
    """The names that the price book knows."""

    def __init__(self, providers: Iterable[Mapping[str, Any]]) -> None:
        self._providers = {raw["id"]: _Provider(raw) for raw in providers}

    def models(self) -> list[Model]:
        """Every model that it knows."""
        return [Model(one.id, model) for one in self._providers.values() for model in one.models]

    def providers(self) -> list[str]:
        """Every provider that it knows."""
        return list(self._providers)

    def provider_at(self, host: str) -> str | None:
        """The provider that answers at a host."""
        address = f"https://{host}/"
        return next((one.id for one in self._providers.values() if one.hosts.match(address)), None)

    def provider_named(self, name: str) -> str | None:
        """The provider that a name means."""
        name = name.lower().strip()
        if name in self._providers:
            return name
        found = (one for one in self._providers.values() if one.named is not None and matches(one.named, name))
        return next((one.id for one in found), None)

    def sells(self, provider: str, owner: str) -> bool:
        """Whether `provider` sells the models of `owner` at the prices of `owner`."""
        return owner in self._providers[provider].fallback

    def find(self, provider: str, name: str) -> Model | None:
        """The model that `name` means at `provider`, its own or one of those that it sells for others."""
        if provider not in self._providers:
            return None
        name = name.lower()
        return self._find(provider, name) or self._find(provider, _COMPACT_DATE.sub(r"-\1-\2-\3", name))

    def _find(self, provider: str, name: str) -> Model | None:
        for owner in (provider, *self._providers[provider].fallback):
            if (model := self._providers[owner].find(name)) is not None:
                return Model(owner, model)
        return None


def matches(rule: Rule, name: str) -> bool:
    """Whether a rule takes a name, which is in lower case."""
    ((kind, wanted),) = rule.items()
    match kind:
        case "equals":
            return bool(name == wanted.lower())
        case "starts_with":
            return name.startswith(wanted.lower())
        case "ends_with":
            return name.endswith(wanted.lower())
        case "contains":
            return wanted.lower() in name
        case "regex":
            return re.search(wanted, name) is not None
        case "or":
            return any(matches(one, name) for one in wanted)
        case "and":
            return all(matches(one, name) for one in wanted)
    raise ValueError(f"the price book's names have a rule of an unknown kind {kind!r}: run make generated")


@functools.cache
def load_names() -> Names:
    """The names as this release knows them."""
    text = resources.files("collector.price_book").joinpath("names.json").read_text("utf-8")
    return Names(json.loads(text))
