"""The rows of a day: what was used of each meter, at which price, and that nothing is missing, doubled or guessed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call
from focus_rows import by_meter, focus_rows, known, total
from given_prices import state_prices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.books import close, correct
from collector.price_book.resolve import Resolver
from collector.repricing.reprice import reprice
from server.focus.day import metadata, parse_day, rows
from store.connection import Store

TODAY = NOW.date()
OCTOBER = datetime(2026, 10, 5, 12, tzinfo=timezone.utc)
A_CALL = Decimal("0.001013")
CONTRACT = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nteam = "search"\ndiscount = 0.2\n'
EMBEDDINGS = """
[[price]]
provider = "openai"
model = "text-embedding-3-small"
team = "search"
rates = { input_rate = 0.01, output_rate = 0.1 }
"""
BY_REQUEST = (
    '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nrates = { input_rate = 0, output_rate = 0, request_rate = 10 }\n'
)


def test_each_meter_is_a_row_with_its_price(store: Store) -> None:
    collect(store, a_call(), a_call(), a_call(team="red"))
    found = focus_rows(store, TODAY)
    ours = [row for row in found if json.loads(row["Tags"])["team"] == "search"]
    assert by_meter(ours) == {
        "Input Tokens": (72, Decimal("0.00000125"), Decimal("0.00009")),
        "Cache Read Tokens": (128, Decimal("0.000000125"), Decimal("0.000016")),
        "Output Tokens": (192, Decimal("0.00001"), Decimal("0.00192")),
    }
    assert len(found) == 6
    assert total(found) == 3 * A_CALL == known(store, TODAY)
    first = ours[0]
    assert (first["ServiceProviderName"], first["ServiceName"]) == ("OpenAI", "OpenAI API")
    assert (first["ChargePeriodStart"], first["ChargePeriodEnd"]) == ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
    assert (first["BillingPeriodStart"], first["BillingPeriodEnd"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    assert json.loads(first["Tags"]) == {"team": "search", "app": "shop"}
    assert json.loads(first["SkuPriceDetails"])["x_ModelId"] == "gpt-5"


def test_the_billing_account_is_the_one_that_the_app_names_or_else_the_host(store: Store) -> None:
    named = a_call(attributes={"account": "proj_7"}, host="api.openai.com")
    collect(store, named, a_call(host="api.openai.com"), a_call(host=""))
    assert {row["BillingAccountId"] for row in focus_rows(store, TODAY)} == {"proj_7", "api.openai.com", "openai"}
    assert total(focus_rows(store, TODAY)) == 3 * A_CALL


def test_a_cost_that_the_provider_reported_is_a_row_of_its_own_meter(store: Store) -> None:
    collect(store, a_call(provider_reported_cost="0.25"), a_call(provider_reported_cost="0.000000000001"))
    (row,) = focus_rows(store, TODAY)
    assert (row["SkuMeter"], row["PricingUnit"], row["x_CostStatus"]) == ("Reported Cost", "USD", "provider_reported")
    assert row["BilledCost"] == row["ListCost"] == row["PricingQuantity"] == Decimal("0.250000000001")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"], row["ListUnitPrice"]) == (2, "Requests", 1)


def test_a_call_of_unknown_cost_is_in_no_row_and_in_the_metadata(store: Store) -> None:
    missing = {"input_tokens": None, "cache_read_tokens": None, "output_tokens": None, "usage_source": "missing"}
    collect(store, a_call(), a_call(model_requested="nobody-knows"), a_call(**missing), a_rate_limited_call())
    assert total(focus_rows(store, TODAY)) == A_CALL
    told = metadata(store, TODAY, "1.3", NOW)
    assert (told["attempts"], told["priced_attempts"], told["priced_share"]) == (4, 2, 0.5)
    assert told["attempts_by_cost_status"] == {"free": 1, "missing_usage": 1, "priced": 1, "unpriced": 1}
    assert (told["rows"], told["sums"]["BilledCost"], told["known_cost"]) == (3, A_CALL, A_CALL)


def test_the_contract_of_a_team_lowers_its_cost_and_not_the_list_price(store: Store) -> None:
    collect(store)
    state_prices(store, CONTRACT, "contract", NOW - timedelta(hours=1))
    collect(store, a_call(), a_call(team="red"))
    found = {
        json.loads(row["Tags"])["team"]: row for row in focus_rows(store, TODAY) if row["SkuMeter"] == "Output Tokens"
    }
    assert found["search"]["ListUnitPrice"] == found["red"]["ListUnitPrice"] == Decimal("0.00001")
    assert found["search"]["ContractedUnitPrice"] == Decimal("0.000008")
    assert (found["search"]["ListCost"], found["search"]["BilledCost"]) == (Decimal("0.00096"), Decimal("0.000768"))
    assert total(focus_rows(store, TODAY)) == known(store, TODAY)


def test_a_contract_for_everyone_is_no_list_price(store: Store) -> None:
    collect(store)
    state_prices(store, CONTRACT.replace('team = "search"\n', ""), "contract", NOW - timedelta(hours=1))
    collect(store, a_call())
    (output,) = [row for row in focus_rows(store, TODAY) if row["SkuMeter"] == "Output Tokens"]
    assert (output["ListUnitPrice"], output["ContractedUnitPrice"]) == (Decimal("0.00001"), Decimal("0.000008"))


def test_the_contracted_price_stands_in_for_a_list_price_that_is_not_known(store: Store) -> None:
    collect(store)
    state_prices(store, EMBEDDINGS, "contract", NOW - timedelta(hours=1))
    collect(store, a_call(model_requested="text-embedding-3-small", cache_read_tokens=None))
    found = focus_rows(store, TODAY)
    assert by_meter(found)["Output Tokens"] == (96, Decimal("0.0000001"), Decimal("0.0000096"))
    assert {row["x_ListPriceStatus"] for row in found} == {"partial"}
    assert total(found, "ListCost") == total(found) == known(store, TODAY)


def test_a_price_for_each_request_is_a_meter(store: Store) -> None:
    collect(store)
    state_prices(store, BY_REQUEST, "override", NOW - timedelta(hours=1))
    collect(store, a_call(), a_call())
    found = focus_rows(store, TODAY)
    assert by_meter(found)["Requests"] == (2, Decimal("0.00001"), Decimal("0.00002"))
    assert by_meter(found)["Input Tokens"] == (72, 0, 0)
    assert total(found) == known(store, TODAY)


def test_hits_of_the_apps_own_cache_are_no_charge(store: Store) -> None:
    collect(store, a_call(cache_hit=True))
    assert focus_rows(store, TODAY) == []
    assert metadata(store, TODAY, "1.3", NOW)["priced_share"] is None


CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "model_requested": st.sampled_from(["gpt-5", "claude-sonnet-4-5", "gemini-2.5-pro", "nobody-knows"]),
            "team": st.sampled_from(["red", "blue", ""]),
            "service_tier": st.sampled_from(["", "flex"]),
            "input_tokens": st.integers(1000, 400_000),
            "cache_read_tokens": st.integers(0, 400),
            "cache_write_5m_tokens": st.integers(0, 300),
            "cache_write_1h_tokens": st.integers(0, 200),
            "input_audio_tokens": st.integers(0, 100),
            "output_tokens": st.integers(1000, 9000),
            "reasoning_tokens": st.integers(0, 500),
            "output_image_tokens": st.integers(0, 300),
            "provider_reported_cost": st.sampled_from([None, None, "0.123456789012"]),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6, deadline=None)
@given(calls=CALLS, team=st.sampled_from(["search", "red"]))
def test_quantities_times_prices_are_costs_and_add_up_to_the_day(
    store: Store, calls: list[dict[str, Any]], team: str
) -> None:
    collect(store, *(a_call(**call, provider=_provider(call["model_requested"])) for call in calls), a_call(team=team))
    found = focus_rows(store, TODAY)
    for row in found:
        assert row["PricingQuantity"] * row["ContractedUnitPrice"] == row["ContractedCost"] == row["BilledCost"]
        assert row["PricingQuantity"] * row["ListUnitPrice"] == row["ListCost"]
    assert total(found) == known(store, TODAY)


def _provider(model: str) -> str:
    return {"claude-sonnet-4-5": "anthropic", "gemini-2.5-pro": "google"}.get(model, "openai")


def test_a_closed_month_stays_and_what_came_late_is_a_correction(store: Store) -> None:
    collect(store, a_call(started_at=OCTOBER), a_call(started_at=OCTOBER, team="red"))
    before = focus_rows(store, OCTOBER.date())
    close(store, OCTOBER.date().replace(day=1), NOW)
    assert focus_rows(store, OCTOBER.date()) == before
    collect(store, a_call(started_at=OCTOBER, team="red"))
    assert metadata(store, OCTOBER.date(), "1.3", NOW)["not_booked"] == A_CALL
    assert total(focus_rows(store, OCTOBER.date())) == 2 * A_CALL
    correct(store, "an app was offline", NOW)
    found = focus_rows(store, OCTOBER.date())
    (late,) = [row for row in found if row["ChargeClass"] == "Correction"]
    assert (late["BilledCost"], late["BillingPeriodStart"]) == (A_CALL, "2026-11-01T00:00:00Z")
    assert (late["ChargePeriodStart"], late["PricingQuantity"]) == ("2026-10-05T00:00:00Z", None)
    assert [row["SkuMeter"] for row in found if json.loads(row["Tags"])["team"] == "red" and row is not late] == [
        "Booked Cost"
    ]
    assert len([row for row in found if json.loads(row["Tags"])["team"] == "search"]) == 3
    assert total(found) == known(store, OCTOBER.date()) == 3 * A_CALL


def test_a_closed_month_keeps_its_meters_when_it_is_priced_again(store: Store) -> None:
    collect(store, a_call(started_at=OCTOBER))
    before = focus_rows(store, OCTOBER.date())
    close(store, OCTOBER.date().replace(day=1), NOW)
    nine = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nrates = { input_rate = 9, output_rate = 9 }\n'
    state_prices(store, nine)
    reprice(store, Resolver(), OCTOBER - timedelta(days=1), OCTOBER + timedelta(days=1), "ours", NOW, dry_run=False)
    found = focus_rows(store, OCTOBER.date())
    assert [row for row in found if row["ChargeClass"] is None] == before
    assert total(found) == known(store, OCTOBER.date()) != total(before)


STEPS = st.lists(st.sampled_from(["red", "blue", "unknown", "correct", "close"]), min_size=2, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=4, deadline=None)
@given(steps=STEPS)
def test_rows_and_what_is_not_booked_add_up_to_what_is_known(store: Store, steps: list[str]) -> None:
    told = metadata(store, OCTOBER.date(), "1.3", NOW)
    for step in steps:
        if step == "correct":
            correct(store, "now", NOW)
        elif step != "close":
            collect(
                store, a_call(started_at=OCTOBER, team=step, model_requested=step if step == "unknown" else "gpt-5")
            )
        elif told["attempts"] and told["month_closed_at"] is None:
            close(store, OCTOBER.date().replace(day=1), NOW)
        told = metadata(store, OCTOBER.date(), "1.3", NOW)
        assert told["sums"]["BilledCost"] + (told["not_booked"] or 0) == known(store, OCTOBER.date())


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_the_same_facts_give_the_same_bytes(store: Store, format: str) -> None:
    collect(
        store,
        *(a_call(team=team, model_requested=model) for team in ("red", "blue") for model in ("gpt-5", "gpt-5-mini")),
    )
    first = b"".join(rows(store, TODAY, "1.4", format))
    collect(store, a_call(started_at=OCTOBER))
    assert b"".join(rows(store, TODAY, "1.4", format)) == first


def test_what_cannot_be_asked_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"use 1\.2, 1\.3, 1\.4"):
        rows(store, TODAY, "1.1", "csv")
    with pytest.raises(ValueError, match="use csv, parquet"):
        rows(store, TODAY, "1.3", "xml")
    with pytest.raises(ValueError, match="has not begun"):
        parse_day("2026-11-21", NOW)
    with pytest.raises(ValueError, match="write 2026-10-31"):
        parse_day("yesterday", NOW)
    with pytest.raises(ValueError, match="ask for days from 1970-01-01 on"):
        metadata(store, parse_day("1969-12-31", NOW), "1.3", NOW)


def test_a_day_whose_calls_are_gone_is_refused(store: Store) -> None:
    collect(store, a_call(started_at=OCTOBER))
    store.insert("removed_facts", ["before", "noted_at"], [(OCTOBER, NOW)])
    with pytest.raises(ValueError, match="ask for days from 2026-10-06 on"):
        metadata(store, OCTOBER.date(), "1.3", NOW)


def test_a_charge_that_is_no_call_is_a_purchase(store: Store) -> None:
    collect(store, a_call(operation="charge", provider_reported_cost="1.5", usage_source="missing"), a_call())
    (charge,) = [row for row in focus_rows(store, TODAY) if row["x_Operation"] == "charge"]
    assert (charge["ChargeCategory"], charge["ChargeFrequency"]) == ("Purchase", "One-Time")
    assert (charge["BilledCost"], charge["ConsumedQuantity"], charge["ConsumedUnit"]) == (Decimal("1.5"), None, None)
    assert metadata(store, TODAY, "1.3", NOW)["attempts"] == 1
