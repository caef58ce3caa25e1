"""The second opinion on the seed: what is read of other collections, what counts as a disagreement, what is decided."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.price_book import second_opinion
from collector.price_book.release import release_rows
from collector.price_book.second_opinion.collect import litellm_opinions, model_prices_opinions
from collector.price_book.second_opinion.compare import (
    Disagreement,
    decided,
    disagreements,
    faults,
    from_csv,
    to_csv,
)
from collector.price_book.second_opinion.opinion import METERS, Collection, Opinion, load_collections, written

NOON = datetime(2026, 11, 10, 12, tzinfo=timezone.utc)
SHOWN = Disagreement("openai", "openai/gpt-5", "input_rate", "1.25", "9", "litellm", "gpt-5")


def said(rates: Mapping[str, str], name: str = "gpt-5", provider: str = "openai") -> list[Collection]:
    known = {meter: Decimal(rate) for meter, rate in rates.items()}
    return [Collection("litellm", "1", "", date(2026, 11, 10), [Opinion(provider, name, known)])]


def test_litellms_rates_are_for_a_million_and_a_zero_is_missing() -> None:
    text = json.dumps(
        {
            "gpt-5": {
                "litellm_provider": "openai",
                "mode": "chat",
                "input_cost_per_token": 1.25e-06,
                "output_cost_per_token": 0.0,
            },
            "all-zero": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0},
            "an-image": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 5e-06},
            "elsewhere": {"litellm_provider": "nobody", "mode": "chat", "input_cost_per_token": 5e-06},
            "bedrock/eu-west-3/one-region": {
                "litellm_provider": "bedrock",
                "mode": "chat",
                "input_cost_per_token": 5e-06,
            },
        }
    )
    assert list(litellm_opinions(text)) == [Opinion("openai", "gpt-5", {"input_rate": Decimal("1.25")})]


def test_of_model_prices_the_segment_that_has_begun_counts() -> None:
    segments = [
        {"start": None, "rates": {"input": 1, "output": 5}},
        {"start": "2026-11-01T00:00:00Z", "rates": {"input": 2, "output": 0, "cache_write_1h_multiple": 2.0}},
        {"start": "2026-12-01T00:00:00Z", "rates": {"input": 3}},
    ]
    text = json.dumps({"prices": {lab: {"a-model": {"standard": segments}} for lab in ("anthropic", "openai", "zai")}})
    ours = {"input_rate": Decimal(2)}
    assert list(model_prices_opinions(text, NOON)) == [
        Opinion("anthropic", "a-model", ours | {"cache_write_1h_rate": Decimal(4)}),
        Opinion("openai", "a-model", ours),
    ]


@pytest.mark.parametrize(
    ("theirs", "differs"), [("1.25", False), ("1.262", False), ("1.238", False), ("1.27", True), ("1.23", True)]
)
def test_more_than_one_per_cent_is_a_disagreement(theirs: str, differs: bool) -> None:
    found = disagreements(release_rows(), said({"input_rate": theirs}))
    assert [(one.model, one.meter, one.ours, one.theirs) for one in found] == [
        ("openai/gpt-5", "input_rate", "1.25", theirs)
    ] * differs


def test_a_meter_without_a_rate_has_the_one_at_which_it_is_charged() -> None:
    (one,) = disagreements(release_rows(), said({"cache_read_rate": "3"}, name="gpt-5-pro"))
    assert (one.meter, one.ours) == ("cache_read_rate", "15")


def test_with_rates_for_the_hours_of_a_day_any_of_them_is_agreement() -> None:
    (key,) = {
        key
        for key, rows in release_rows().items()
        for row in rows
        if (row.model, row.context) == ("deepseek-flash", "")
    }
    rates = {
        str(row.input_rate) for row in release_rows()[key] if row.holds(NOON.replace(hour=row.day_from // 3600), 0)
    }
    assert len(rates) > 1
    for rate in rates:
        assert disagreements(release_rows(), said({"input_rate": rate}, "deepseek-flash", "deepseek")) == []


def test_a_name_that_the_book_does_not_know_is_no_disagreement() -> None:
    assert disagreements(release_rows(), said({"input_rate": "9"}, name="nobody-knows")) == []


def test_a_decision_holds_for_its_numbers_only() -> None:
    known = replace(SHOWN, state="ours", reason="theirs is old", names="another-name")
    (same,) = decided([SHOWN], [known])
    assert (same.state, same.reason, same.names) == ("ours", "theirs is old", "gpt-5")
    assert decided([SHOWN], [replace(known, theirs="8")]) == [SHOWN]


def test_a_decision_needs_a_known_state_and_a_reason() -> None:
    assert list(faults([SHOWN, replace(SHOWN, state="ours", reason="theirs is old")])) == []
    (first, second) = faults([replace(SHOWN, state="theirs"), replace(SHOWN, state="maybe")])
    assert "say why it is theirs" in first
    assert "write open, ours, theirs" in second


texts = st.text(st.characters(exclude_categories=["C"]))


@given(st.lists(st.builds(Disagreement, *[texts] * 9)))
def test_the_list_is_read_as_it_was_written(review: list[Disagreement]) -> None:
    assert from_csv(to_csv(review)) == review


def test_the_collections_are_read_as_they_were_written() -> None:
    found = load_collections()
    assert [one.source for one in found] == ["litellm", "model-prices"]
    assert written(found) == resources.files(second_opinion).joinpath("opinions.json").read_text("utf-8")
    assert all(rate > 0 and meter in METERS for one in found for o in one.opinions for meter, rate in o.rates.items())
