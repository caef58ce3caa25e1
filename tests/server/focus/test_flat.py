"""Capacity at a flat cost and shared costs in a day's file: what calls bear, what is idle, and what teams are charged."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from focus_rows import by_meter, focus_rows, known, total
from tokentide.call import LLMCall

from collector.allocation.allocate import allocate_shared
from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from collector.allocation.shared import SharedCostConfig, daily
from collector.books import close
from server.focus.day import metadata
from store.connection import Store

AT = datetime(2026, 10, 5, 12, 7, tzinfo=timezone.utc)
DAY = AT.date()
HOURLY = Decimal("12.5")
RESOURCE = CapacityConfig(
    kind="ptu", hourly=HOURLY, host="flat.example", valid_from=DAY, valid_to=DAY + timedelta(days=1)
)
FEE = SharedCostConfig(
    monthly=Decimal(31), driver="shares", shares={"search": Decimal(1)}, valid_from=DAY, valid_to=date(2026, 10, 6)
)


def served(store: Store, *calls: LLMCall) -> list[dict[str, object]]:
    """The rows of the day once its hours are worked out."""
    collect(store, *calls, capacity={"ours": RESOURCE})
    allocate_capacity(store, "ours", RESOURCE, NOW)
    return focus_rows(store, DAY)


def a_served_call(**more: object) -> LLMCall:
    return a_call(started_at=AT, host="flat.example", **more)


def test_a_call_has_the_list_price_of_its_tokens_and_costs_what_it_bears(store: Store) -> None:
    flat = [row for row in served(store, a_served_call()) if row["x_CostStatus"] == "flat"]
    assert {row["SkuMeter"]: (row["ListUnitPrice"], row["ListCost"]) for row in flat} == {
        "Input Tokens": (Decimal("0.00000125"), Decimal("0.000045")),
        "Cache Read Tokens": (Decimal("0.000000125"), Decimal("0.000008")),
        "Output Tokens": (Decimal("0.00001"), Decimal("0.00096")),
    }
    assert {row["x_ListPriceStatus"] for row in flat} == {"priced"}
    assert {row["PricingCategory"] for row in flat} == {"Other"}
    assert total(flat) == pytest.approx(HOURLY, rel=Decimal("1e-6"))
    for row in flat:
        assert row["ContractedCost"] == row["EffectiveCost"] == row["BilledCost"]
        assert row["ContractedCost"] == row["PricingQuantity"] * row["ContractedUnitPrice"]
        assert row["ContractedCost"] / row["ListCost"] == pytest.approx(
            HOURLY / Decimal("0.001013"), rel=Decimal("1e-6")
        )


def test_what_a_call_bears_stands_in_for_a_list_price_that_is_not_known(store: Store) -> None:
    found = served(store, a_served_call(provider="vllm", model_requested="our-llama"))
    flat = [row for row in found if row["x_CostStatus"] == "flat"]
    assert {row["x_ListPriceStatus"] for row in flat} == {"unpriced"}
    assert total(flat, "ListCost") == total(flat) == pytest.approx(HOURLY, rel=Decimal("1e-6"))


def test_what_no_call_bears_is_a_charge_of_the_team_idle(store: Store) -> None:
    found = served(store, a_served_call())
    (idle,) = [row for row in found if row["x_Operation"] == "charge"]
    calls = [row for row in found if row is not idle]
    assert json.loads(idle["Tags"]) == {"team": "idle"}
    assert (idle["ServiceName"], idle["SkuMeter"], idle["ChargeCategory"]) == ("capacity", "Reported Cost", "Purchase")
    assert json.loads(idle["SkuPriceDetails"])["x_ModelId"] == "ours"
    assert idle["ListCost"] == idle["BilledCost"] == 24 * HOURLY - total(calls)
    assert total(found) == known(store, DAY) == 24 * HOURLY
    assert metadata(store, DAY, "1.3", NOW)["attempts_by_cost_status"] == {"flat": 1}


def test_a_shared_cost_is_a_charge_of_each_team_that_bears_it(store: Store) -> None:
    collect(store, a_call(started_at=AT))
    allocate_shared(store, "gateway", FEE, NOW)
    found = focus_rows(store, DAY)
    charge = [row for row in found if row["x_Operation"] == "charge"]
    assert [(row["ServiceName"], json.loads(row["Tags"])) for row in charge] == [("shared", {"team": "search"})]
    assert json.loads(charge[0]["SkuPriceDetails"])["x_ModelId"] == "gateway"
    assert by_meter(charge) == {"Reported Cost": (1, 1, daily(FEE.monthly, DAY))}
    assert total(found) == known(store, DAY)


def test_a_closed_month_keeps_both(store: Store) -> None:
    served(store, a_served_call(), a_call(started_at=AT))
    allocate_shared(store, "gateway", FEE, NOW)
    before = focus_rows(store, DAY)
    close(store, DAY.replace(day=1), NOW)
    assert focus_rows(store, DAY) == before
    assert total(before) == known(store, DAY)
