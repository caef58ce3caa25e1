"""Which calls get what is stated: sentences about prices that none of them gets, or not those that one would think."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from tokentide.hooks import PROVIDERS as CLIENTS

from collector.price_book.effective import Statement
from collector.price_book.names import Model, Names
from collector.price_book.preview import unfitting
from collector.price_book.price_file import is_pattern
from collector.price_book.resolve import Named, Resolver
from collector.price_book.rewrite import GATEWAYS, PROVIDERS

_STATE_THAT: Final = "state that, or declare the name in prices.models as a model of your own"


def refusals(new: Iterable[Statement], resolver: Resolver, names: Names) -> list[str]:
    """Why rates can never hold: calls with that name are another model. `resolver` has learned what `new` states."""
    found, models = [], set(names.models())
    for one in _once(statement for statement in new if statement.discount is None):
        other = _other(one, resolver)
        if other is not None and one not in models:
            found.append(f"no call gets the price of {_told(one)}: calls named so are {_told(other)}; {_STATE_THAT}")
    return found


def warnings(known: Sequence[Statement], new: Sequence[Statement], resolver: Resolver, names: Names) -> list[str]:
    """What one may not expect of statements that are no refusals: whom they miss, and providers that nobody knows."""
    found, models = [_unfitting(one, resolver) for one in unfitting(known, new)], set(names.models())
    for one in _once(new):
        other = _other(one, resolver)
        if other is not None and one in models:
            found.append(f"calls named {_told(one)} are {_told(other)}: state that too if they are to get this price")
    providers = dict.fromkeys(one.row.provider for one in new if not resolver.is_declared(_model(one)))
    return found + [_unknown(provider, names) for provider in providers if not _is_known(provider, names)]


def new_names(new: Iterable[Statement], before: Resolver) -> list[Model]:
    """The models whose names are understood from now on, because `new` states their rates."""
    stated = _once(statement for statement in new if statement.discount is None)
    return [one for one in stated if not before.is_declared(one) and _resolved(one, before) is None]


def _once(statements: Iterable[Statement]) -> list[Model]:
    return list(dict.fromkeys(map(_model, statements)))


def _model(statement: Statement) -> Model:
    return Model(statement.row.provider, statement.row.model)


def _resolved(model: Model, resolver: Resolver) -> Model | None:
    return resolver.resolve(Named(model.provider, requested=model.model)).model


def _other(model: Model, resolver: Resolver) -> Model | None:
    """The model that calls with the name of `model` are, if it is another one and no declared name means `model`."""
    if is_pattern(model.model):
        return None
    found = _resolved(model, resolver)
    return None if found is None or found == model or resolver.is_declared(model) else found


def _unfitting(one: Statement, resolver: Resolver) -> str:
    context = f" in context {one.row.context!r}" if one.row.context else ""
    other = _other(_model(one), resolver)
    how = "tokentide prices resolve says how the book names a model"
    why = how if other is None else f"calls named so are {_told(other)}; {_STATE_THAT}"
    return f"the discount on {_told(_model(one))}{context} fits no price of the book: {why}"


def _is_known(provider: str, names: Names) -> bool:
    written = provider.lower()
    return (
        written in GATEWAYS or written in CLIENTS or names.provider_named(PROVIDERS.get(written, written)) is not None
    )


def _unknown(provider: str, names: Names) -> str:
    alike = difflib.get_close_matches(provider.lower(), [*names.providers(), *PROVIDERS], 1)
    guess = f", perhaps {alike[0]!r} is meant" if alike else ""
    return f"the price book knows no provider {provider!r}{guess}: only calls that name theirs so get this price"


def _told(model: Model) -> str:
    return f"{model.model!r} of {model.provider!r}"
