"""Sentences about prices that no call gets, or not those that one would think."""

from __future__ import annotations

import pytest

from collector.price_book.declared import Declared, DeclaredModel
from collector.price_book.effective import Statement
from collector.price_book.names import Model, load_names
from collector.price_book.price_file import parse_price_file
from collector.price_book.reach import new_names, refusals, warnings
from collector.price_book.release import release_rows
from collector.price_book.resolve import Resolver
from collector.price_book.stated import models_of

NAMES = load_names()
SEED = [Statement(1, "seed", "", row) for rows in release_rows().values() for row in rows if row.provider == "openai"]
RATES = "rates = { output_rate = 1 }"


def said(provider: str, model: str, what: str = RATES) -> list[Statement]:
    text = f'[[price]]\nprovider = "{provider}"\nmodel = "{model}"\n{what}\n'
    return parse_price_file(text, "contract", "ours")


def after(new: list[Statement], declared: Declared | None = None) -> Resolver:
    return Resolver(declared, stated=models_of(new))


@pytest.mark.parametrize(
    ("provider", "model", "told"),
    [
        ("openai", "gpt-4o-2024-08-06", "are 'gpt-4o' of 'openai'; state that, or declare the name in prices.models"),
        ("vertex", "gemini-2.5-pro", "are 'gemini-2.5-pro' of 'google'; state that"),
        ("azure", "gpt-4.1", "are 'gpt-4.1' of 'openai'; state that"),
        ("openai", "mystery", ""),
        ("openai", "gpt-5", ""),
        ("openai", "gpt-4o", ""),
        ("our servers", "llama-70b", ""),
    ],
)
def test_rates_that_no_call_can_get_are_refused(provider: str, model: str, told: str) -> None:
    new = said(provider, model)
    found = refusals(new, after(new), NAMES)
    assert [told in one for one in found] == [True] * bool(told)


def test_a_name_of_the_book_that_is_another_model_is_warned_of() -> None:
    told = "calls named 'gpt-4o' of 'openai' are 'gpt-4o (alias)' of 'openai': state that too if they are to get this price"
    for what in (RATES, "discount = 0.1"):
        new = said("openai", "gpt-4o", what)
        assert warnings(SEED, new, after(new), NAMES) == [told]
    for model in ("gpt-5", "mystery", "gpt-4o (alias)"):
        new = said("openai", model)
        assert warnings(SEED, new, after(new), NAMES) == []


def test_a_provider_that_nobody_knows_is_warned_of_with_what_it_may_be() -> None:
    new = said("opnai", "gpt-5")
    (told,) = warnings(SEED, new, after(new), NAMES)
    assert told.startswith("the price book knows no provider 'opnai', perhaps 'openai' is meant: only calls that name")
    for provider in ("ollama", "bedrock", "openai"):
        new = said(provider, "mystery")
        assert warnings(SEED, new, after(new), NAMES) == []


def test_a_discount_on_a_name_that_is_another_model_says_which() -> None:
    new = said("openai", "gpt-4o-2024-08-06", "discount = 0.1")
    (told,) = warnings(SEED, new, after(new), NAMES)
    assert "fits no price of the book: calls named so are 'gpt-4o' of 'openai'; state that" in told
    new = said("openai", "gpt-4o-2024-08-*", "discount = 0.1")
    (told,) = warnings(SEED, new, after(new), NAMES)
    assert told.endswith("tokentide prices resolve says how the book names a model")


def test_what_is_declared_is_neither_warned_of_nor_new() -> None:
    new = said("our servers", "llama-70b")
    own = Declared([DeclaredModel(name="llama*", is_model="llama-70b", of_provider="our servers")])
    assert warnings(SEED, new, after(new, own), NAMES) == []
    assert new_names(new, Resolver(own)) == []
    assert new_names(new, Resolver()) == [Model("our servers", "llama-70b")]
    assert new_names(new, after(new)) == []
