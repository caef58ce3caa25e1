"""The names of the price book mean what they mean to genai-prices, whose rules they are."""

from __future__ import annotations

import re

import pytest
from genai_prices import data_snapshot
from hypothesis import given
from hypothesis import strategies as st

from collector.price_book.names import Names, matches
from collector.price_book.seed import names

LIBRARY = data_snapshot.get_snapshot()
OURS = Names(names())
PROVIDERS = [provider.id for provider in LIBRARY.providers]


def texts_of(rule: object) -> list[str]:
    """Every text that a rule of the library names."""
    wanted = next(iter(vars(rule).values()))
    if isinstance(wanted, list):
        return [text for one in wanted for text in texts_of(one)]
    return [re.sub(r"[\\^$]", "", wanted)]


NAMES = sorted(
    {text for one in LIBRARY.providers for model in one.models for text in (model.id, *texts_of(model.match))}
)
AROUND = st.sampled_from(["", "", "", "-20251211", "-2025-12-11", "@20250929", "us.", "x", ":free", "-latest"])


def meant_by_the_library(provider: str, name: str) -> str | None:
    try:
        return LIBRARY.find_provider_model(name, None, provider, None)[1].id
    except LookupError:
        return None


@given(provider=st.sampled_from(PROVIDERS), before=AROUND, name=st.sampled_from(NAMES), after=AROUND)
def test_a_name_means_what_it_means_to_the_library(provider: str, before: str, name: str, after: str) -> None:
    found = OURS.find(provider, before + name + after)
    assert (found and found.model) == meant_by_the_library(provider, before + name + after)


@pytest.mark.parametrize("provider", LIBRARY.providers, ids=lambda provider: provider.id)
def test_every_model_is_found_under_the_names_that_its_rule_gives(provider: object) -> None:
    for name in {text for model in provider.models for text in texts_of(model.match)}:  # type: ignore[attr-defined]
        found = OURS.find(provider.id, name)  # type: ignore[attr-defined]
        assert (found and found.model) == meant_by_the_library(provider.id, name)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "aws"),
        ("acme.openai.azure.com", "azure"),
        ("europe-west1-aiplatform.googleapis.com", "google"),
        ("llm.internal:8000", None),
    ],
)
def test_a_host_belongs_to_a_provider(host: str, provider: str | None) -> None:
    assert OURS.provider_at(host) == provider


@pytest.mark.parametrize("name", [*PROVIDERS, "Bedrock", "amazon", "vertex-ai", "nobody"])
def test_a_provider_has_the_names_that_it_has_in_the_library(name: str) -> None:
    found = data_snapshot.find_provider_by_id(LIBRARY.providers, name)
    assert OURS.provider_named(name) == (found and found.id)


def test_a_rule_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="make generated"):
        matches({"sounds_like": "gpt"}, "gpt-5")
