"""(provider, host, models, service tier) → the model and the context of the price book, or why there is none.

In this order: what the operator declares, the book's own names, the names without what gateways and clouds write
around them, and the names of models whose rates the operator states. Nothing is guessed: a name that none of this
explains has no price.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from collector.price_book.declared import Declared, Meaning
from collector.price_book.names import Model, Names, load_names
from collector.price_book.rewrite import BEFORE, GATEWAYS, PROVIDERS, RULES
from collector.price_book.row import price_key

UNKNOWN: Final = 0
# Service tiers with rates of their own, as providers call them; any other tier is charged at the standard rates.
_TIERS: Final = {
    "batch": "batch",
    "fast": "fast",
    "flex": "flex",
    "priority": "priority",
}


class Named(NamedTuple):
    """How a call names what it used; the model that the answer names wins over the requested one."""

    provider: str
    host: str = ""
    requested: str = ""
    responded: str = ""
    service_tier: str = ""


def contexts(declared: Declared) -> list[str]:
    """Every context that a call can have: that of a service tier, of a zone, or of both; empty at standard rates."""
    zones = dict.fromkeys(["", *(rule.context for rule in RULES), *declared.contexts])
    return list(dict.fromkeys(_context(tier, zone) for tier in ("", *_TIERS.values()) for zone in zones))


@dataclass(frozen=True, slots=True)
class Resolution:
    """The model of the price book and the context, None when there is no such model; `steps` say how it was found."""

    model: Model | None
    context: str
    steps: tuple[str, ...]

    @property
    def price_key(self) -> int:
        """The key in llm_prices, or `UNKNOWN`."""
        return UNKNOWN if self.model is None else price_key(*self.model, self.context)


class Resolver:
    """Resolves names and remembers the keys that it found, misses included; `stated` is as `learn` takes it."""

    def __init__(
        self,
        declared: Declared | None = None,
        names: Names | None = None,
        capacity: int = 50_000,
        stated: Iterable[Model] = (),
    ) -> None:
        self._declared = declared or Declared()
        self._names = names or load_names()
        self._capacity = capacity
        self.learn(stated)

    def learn(self, stated: Iterable[Model]) -> None:
        """Understand the names of exactly these models too, where the book makes nothing of them; on any thread."""
        self._stated = {(self._seller(model.provider), model.model.lower()): model for model in stated}
        self._known: dict[tuple[str, ...], int] = {}

    def key(self, *named: str) -> int:
        """The price key of a call that is named by the fields of `Named`, or `UNKNOWN`."""
        # What is found while other names are learned is remembered where nobody looks any more.
        known = self._known
        key = known.get(named)
        if key is None:
            if len(known) >= self._capacity:
                known.clear()
            key = known[named] = self.resolve(Named(*named)).price_key
        return key

    def is_declared(self, model: Model) -> bool:
        """Whether some name is declared to mean a model."""
        return any(self._meant(meaning) == model for meaning in self._declared.meanings)

    def resolve(self, named: Named) -> Resolution:
        """The model that a call used, with every step that led to it."""
        steps: list[str] = []
        tier = _TIERS.get(named.service_tier.lower(), "")
        for said, name in (("answered", named.responded), ("requested", named.requested)):
            if not name:
                continue
            steps.append(f"the {said} model is {name!r}")
            found = self._find(named, name, steps)
            if found is not None:
                model, zone = found
                context = _context(tier, zone)
                rates = f"context {context!r}" if context else "at standard rates"
                steps.append(f"it is {model.model!r} of {model.provider!r}, {rates}")
                return Resolution(model, context, tuple(steps))
        return Resolution(None, tier, (*steps, "no price is known for it"))

    def _find(self, named: Named, name: str, steps: list[str]) -> tuple[Model, str] | None:
        declared = self._declared.model(named.provider, named.host, name)
        if declared is not None:
            steps.append(f"it is declared to be {declared.model!r} of {declared.provider!r}")
            return self._meant(declared), declared.context
        attempts = list(_attempts(name, self._owners(named), self._names))
        for number, attempt in enumerate(attempts):
            for owner in attempt.owners:
                if (model := self._names.find(owner, attempt.name)) is not None:
                    steps.extend(_steps(attempts[: number + 1]))
                    return model, attempt.context
        return self._find_stated(named, attempts, steps)

    def _find_stated(self, named: Named, attempts: Sequence[_Attempt], steps: list[str]) -> tuple[Model, str] | None:
        """The model whose rates are stated under a name of which the book's own rules make nothing."""
        seller = self._seller(named.provider)
        for number, attempt in enumerate(attempts):
            for owner in (*attempt.owners, seller):
                if (model := self._stated.get((owner, attempt.name.lower()))) is not None:
                    steps.extend(_steps(attempts[: number + 1]))
                    steps.append(f"rates are stated for {attempt.name!r} of {model.provider!r}")
                    return model, attempt.context
        steps.extend(_steps(attempts))
        return None

    def _meant(self, declared: Meaning) -> Model:
        known = self._names.find(declared.provider, declared.model)
        stated = self._stated.get((self._seller(declared.provider), declared.model.lower()))
        return known or stated or Model(declared.provider, declared.model)

    def _owners(self, named: Named) -> list[str]:
        """The providers that may have answered: the one at the host, then the one that the event names."""
        at_host = self._names.provider_at(named.host) if named.host else None
        by_name = self._provider(named.provider)
        return list(dict.fromkeys(owner for owner in (at_host, by_name) if owner is not None))

    def _provider(self, name: str) -> str | None:
        if name.lower() in GATEWAYS:
            return None
        return self._names.provider_named(PROVIDERS.get(name.lower(), name))

    def _seller(self, provider: str) -> str:
        """How the book calls a provider; one that it does not know as it is called, in lower case."""
        return self._provider(provider) or provider.lower()


def _context(tier: str, zone: str) -> str:
    return "+".join(filter(None, (tier, zone)))


class _Attempt(NamedTuple):
    name: str
    owners: Sequence[str]
    context: str
    steps: Sequence[str] = ()


def _steps(attempts: Iterable[_Attempt]) -> list[str]:
    return [step for attempt in attempts for step in attempt.steps]


def _attempts(name: str, owners: Sequence[str], names: Names) -> Iterator[_Attempt]:
    """The name as it is, then ever less of it."""
    context = ""
    yield _Attempt(name, owners, context)
    while True:
        for rule in RULES:
            left = rule.left(name)
            if left is not None and (not rule.provider or not owners or rule.provider in owners):
                step = f"{name!r} is {rule.meaning}: {left!r}"
                name, owners, context = left, owners or [rule.provider], context or rule.context
                yield _Attempt(name, owners, context, [step])
                break
        else:
            without = _without_provider(name, owners, names)
            if without is None:
                return
            name, owners, step = without
            yield _Attempt(name, owners, context, [step])


def _without_provider(name: str, owners: Sequence[str], names: Names) -> tuple[str, Sequence[str], str] | None:
    """`provider/model`: of a gateway any provider, else only one whose models the owners sell at its prices."""
    found = BEFORE.fullmatch(name)
    if found is None:
        return None
    written = found["provider"].lower()
    provider = names.provider_named(PROVIDERS.get(written, written))
    if provider is None:
        return None
    if not owners:
        return found["model"], [provider], f"{found['provider']!r} before it names the provider {provider!r}"
    selling = [owner for owner in owners if provider == owner or names.sells(owner, provider)]
    if not selling:
        return None
    return found["model"], selling, f"{found['provider']!r} before it names whose model {selling[0]!r} sells"
