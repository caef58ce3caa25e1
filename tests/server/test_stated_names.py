"""Prices of names that the seed lacks, and of names that are another model: from the price file to the calls."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import give_prices, state_prices
from prometheus_client import CollectorRegistry

from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from collector.books import close, months
from collector.config import CollectorConfig
from collector.price_book.row import price_key
from collector.record import Record
from server.config import Config
from server.prices import repriced, updated
from server.programs import collector, make_decoder
from store.connection import Store
from store.sql import parse

DAY = timedelta(days=1)
COST = parse("cost", "-- One row = one call.\nSELECT cost FROM priced_calls")
FLAT = parse("flat", "-- One row = one call.\nSELECT model, cost FROM priced_calls WHERE cost_status = 'flat'")
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


def test_a_closed_month_keeps_the_cost_of_capacity_whose_calls_get_a_price(store: Store) -> None:
    day = NOW.replace(month=10, day=31, hour=0)
    gpu = CapacityConfig(
        kind="gpu", hourly=Decimal(10), host="gpu-1", valid_from=day.date(), valid_to=date(2026, 11, 1)
    )
    told = {"started_at": day, "host": "gpu-1", "provider_reported_cost": None}
    calls = [a_call(model_requested=model, model_responded="", **told) for model in ("mystery", "gpt-5")]
    collect(store, *calls, capacity={"gpu": gpu})
    allocate_capacity(store, "gpu", gpu, NOW)
    close(store, date(2026, 10, 1), NOW)
    updated(store, Config(), ASKED | {"text": OURS}, lambda: NOW)
    span = {"from": f"{day:%Y-%m-%dT%H:00:00Z}", "to": "2026-11-01T00:00:00Z", "reason": "ours"}
    config = Config(collector=CollectorConfig(capacity={"gpu": gpu}))
    done = repriced(store, config, span, lambda: NOW + timedelta(minutes=1))
    (month,) = months(store)
    assert (month.known_now, month.not_booked) == (Decimal(240), 0)
    assert {change["priced_before"] - change["priced_after"] for change in done["changes"]} == {0}
    weights = dict(store.query(FLAT).rows)
    assert weights["mystery"] / weights["gpt-5"] == pytest.approx(
        Decimal("0.000484") / Decimal("0.001013"), rel=Decimal("1e-3")
    )


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
