"""A running collector learns the names of models whose rates are stated."""

from __future__ import annotations

from given_prices import give_prices, state_prices

from collector.price_book.names import Model
from collector.price_book.resolve import UNKNOWN, Resolver
from collector.price_book.row import price_key
from collector.price_book.stated import StatedNames, stated_models
from store.connection import Store

OURS = '[[price]]\nprovider = "openai"\nmodel = "mystery"\nrates = { output_rate = 1 }\n'
A_DISCOUNT = '[[price]]\nprovider = "openai"\nmodel = "gpt-5-*"\ndiscount = 0.1\n'


def test_a_resolver_learns_what_is_stated_later(store: Store) -> None:
    give_prices(store)
    resolver = Resolver()
    stated = StatedNames(store, resolver)
    stated.refresh()
    assert resolver.key("openai", "", "mystery", "", "") == UNKNOWN
    state_prices(store, OURS, "contract")
    stated.refresh()
    assert resolver.key("openai", "", "mystery", "", "") == price_key("openai", "mystery", "")


def test_what_is_remembered_stays_while_nothing_new_is_stated(store: Store) -> None:
    give_prices(store)
    resolver = Resolver()
    stated = StatedNames(store, resolver)
    resolver.key("openai", "", "gpt-5", "", "")
    state_prices(store, A_DISCOUNT, "contract")
    stated.refresh()
    assert len(resolver._known) == 1
    assert stated_models(store) == []


def test_a_model_is_stated_once_however_often_it_is(store: Store) -> None:
    give_prices(store)
    for layer in ("override", "contract", "contract"):
        state_prices(store, OURS, layer)
    assert stated_models(store) == [Model("openai", "mystery")]
