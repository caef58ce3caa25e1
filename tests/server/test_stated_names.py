"""Prices of names that the seed lacks, and of names that are another model: from the price file to the calls."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import give_prices, state_prices
from prometheus_client import CollectorRegistry

from collector.price_book.row import price_key
from collector.record import Record
from server.config import Config
from server.prices import repriced, updated
from server.programs import collector, make_decoder
from store.connection import Store
from store.sql import parse

DAY = timedelta(days=1)
COST = parse("cost", "-- One row = one call.\nSELECT cost FROM priced_calls")
OURS = '[[price]]\nprovider = "openai"\nmodel = "mystery"\nrates = { input_rate = 1, output_rate = 4 }\n'
ASKED = {"name": "ours.toml", "layer": "override", "reason": "ours"}


def test_a_price_of_a_name_that_the_seed_lacks_holds_for_its_calls(store: Store) -> None:
    collect(store, a_call(started_at=NOW - 2 * timedelta(hours=1), model_requested="mystery"))
    assert store.query(COST).rows == [(None,)]
    done = updated(store, Config(), ASKED | {"text": OURS}, lambda: NOW)
    assert (done["names"], done["warnings"]) == ([{"provider": "openai", "model": "mystery"}], [])
    span = {"from": f"{NOW - DAY:%Y-%m-%dT12:00:00Z}", "to": f"{NOW:%Y-%m-%dT12:00:00Z}", "reason": "ours"}
    done = repriced(store, Config(), span, lambda: NOW)
    assert [(one["requested"], one["has_price"]) for one in done["renamed"]] == [("mystery", True)]
    assert store.query(COST).rows == [(Decimal("0.000484"),)]


def test_a_collector_knows_stated_names(store: Store) -> None:
    give_prices(store)
    state_prices(store, OURS)
    batch = make_decoder(Config(), store).decode([Record("0", 1, a_call(model_requested="mystery").to_json())], NOW)
    assert json.loads(batch.lines[0].json)["price_key"] == price_key("openai", "mystery", "")
    assert "stated-names" in collector(Config(), store, CollectorRegistry()).loops


def test_a_price_that_can_never_hold_is_refused_before_anything_is_written(store: Store) -> None:
    give_prices(store)
    asked = ASKED | {"text": OURS.replace("mystery", "gpt-4o-2024-08-06"), "dry_run": True}
    with pytest.raises(ValueError, match="calls named so are 'gpt-4o' of 'openai'; state that"):
        updated(store, Config(), asked, lambda: NOW)


def test_a_price_that_misses_calls_of_its_name_is_warned_of(store: Store) -> None:
    give_prices(store)
    done = updated(store, Config(), ASKED | {"text": OURS.replace("mystery", "gpt-4o")}, lambda: NOW)
    assert done["names"] == []
    assert ["'gpt-4o (alias)' of 'openai': state that too" in one for one in done["warnings"]] == [True]
