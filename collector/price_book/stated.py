"""Names that an operator's statements bring into the price book: the resolver of a running collector learns them."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from collector.price_book.effective import LAYERS, Statement
from collector.price_book.names import Model
from collector.price_book.resolve import Resolver
from collector.refresh import keep_fresh
from store.connection import Store
from store.sql import load


def stated_models(store: Store) -> list[Model]:
    """Every model of which an override or a contract in `store` states rates. Raises StoreError."""
    return [Model(*row) for row in store.query(load("collector", "stated_names")).rows]


def models_of(statements: Iterable[Statement]) -> list[Model]:
    """The same of statements, once each."""
    rates = (one.row for one in statements if one.layer != LAYERS[0] and one.discount is None)
    return list(dict.fromkeys(Model(row.provider, row.model) for row in rates))


class StatedNames:
    """The stated names of `store`, which `resolver` learns when they become others; looked at every ten seconds."""

    def __init__(self, store: Store, resolver: Resolver) -> None:
        self._store = store
        self._resolver = resolver
        self._models: list[Model] = []

    def refresh(self) -> None:
        """Learn what is stated now. Raises StoreError."""
        models = stated_models(self._store)
        if models != self._models:
            self._resolver.learn(models)
            self._models = models

    def run(self, stop: threading.Event) -> None:
        """Refresh until `stop` is set."""
        keep_fresh(self.refresh, "the names of stated prices", stop)
