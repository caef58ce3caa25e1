"""Capacity at a flat cost: its calls bear its hours, what they do not use is idle, and nothing is lost."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from collector_batches import batch_of
from conftest import NOW
from events import a_call
from given_prices import state_prices_of_all_calls
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tokentide.call import LLMCall

from collector.allocation import hours
from collector.allocation.allocate import allocate
from collector.allocation.capacity import CapacityConfig, Use, borne, utilization
from collector.allocation.hours import allocate_capacity, take_back_capacity
from collector.price_book.declared import Declared, DeclaredModel
from collector.price_book.resolve import Resolver
from collector.price_book.row import price_key
from collector.repricing.reprice import reprice
from store.connection import Store
from store.sql import Query, parse

HOUR = timedelta(hours=1)
LAST = NOW.replace(minute=0) - HOUR
WHEN = NOW + timedelta(minutes=15)
RESOURCE = CapacityConfig(kind="ptu", hourly=Decimal("12.5"), host="flat.example", valid_from=LAST.date())
OURS = {"ours": RESOURCE}
COSTS = parse(
    "costs",
    "-- One row = a team.\nSELECT team, cost, cost_status FROM priced_calls ORDER BY team, call_id",
)
ROLLED = parse(
    "rolled",
    "-- One row = a team.\nSELECT team, sum(cost), sum(attempts), sum(unpriced) FROM call_hours FINAL GROUP BY team ORDER BY team",
)
HOURS = parse(
    "hours",
    "-- One row = an hour.\nSELECT hour, cost, used, idle, calls, utilization FROM capacity_hours FINAL WHERE calls > 0",
)
ALL = parse("all", "-- One row = all.\nSELECT sum(cost), count() FROM call_hours FINAL")


def served(team: str, at: datetime = LAST, **more: object) -> LLMCall:
    told: dict[str, object] = {
        "provider_reported_cost": None,
        "host": "flat.example",
        "input_tokens": 1000,
        "cache_read_tokens": 0,
    }
    return a_call(team=team, started_at=at + timedelta(minutes=7), **{**told, "output_tokens": 100, **more})


def key(store: Store, model: str, number: int) -> None:
    """As if the name of `model` were declared."""
    store.execute(
        Query(
            "key",
            "",
            f"ALTER TABLE llm_calls UPDATE price_key = {number} WHERE model_requested = '{model}' SETTINGS mutations_sync = 2",
            {},
        )
    )


def costs(store: Store) -> dict[str, Decimal | None]:
    return {team: cost for team, cost, _, _ in store.query(ROLLED).rows}


def test_an_hour_is_borne_by_its_calls_in_proportion_to_their_list_prices(store: Store) -> None:
    collect(store, served("search"), served("growth", input_tokens=3000, output_tokens=300), capacity=OURS)
    assert allocate_capacity(store, "ours", RESOURCE, WHEN) == LAST.hour + 1
    borne_by = costs(store)
    assert borne_by["growth"] == pytest.approx(3 * borne_by["search"], rel=Decimal("1e-6"))
    assert borne_by["growth"] + borne_by["search"] == pytest.approx(Decimal("12.5"), rel=Decimal("1e-6"))
    assert sum(borne_by.values()) == (LAST.hour + 1) * Decimal("12.5")
    assert {status for team, _, status in store.query(COSTS).rows if team != "idle"} == {"flat"}
    ((hour, cost, used, idle, calls, utilized),) = store.query(HOURS).rows
    assert (hour, cost, used + idle, calls, utilized) == (LAST, Decimal("12.5"), Decimal("12.5"), 2, None)


def test_what_is_not_used_of_declared_tokens_is_idle(store: Store) -> None:
    collect(store, served("search"), capacity=OURS)
    allocate_capacity(store, "ours", RESOURCE.model_copy(update={"tokens_per_hour": 11_000}), WHEN)
    ((_, _, used, idle, _, utilized),) = store.query(HOURS).rows
    assert utilized == pytest.approx(0.1)
    assert used == pytest.approx(Decimal("1.25"), rel=Decimal("1e-6"))
    assert used + idle == Decimal("12.5")


def test_a_model_without_a_list_price_bears_its_share_too(store: Store) -> None:
    unknown = served("search", model_requested="our-llama", model_responded="our-llama", provider="vllm")
    collect(store, unknown, capacity=OURS)
    assert {team: cost for team, cost, _ in store.query(COSTS).rows} == {"search": None}
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    assert costs(store)["search"] == pytest.approx(Decimal("12.5"), rel=Decimal("1e-6"))


def test_an_hour_of_free_models_only_is_idle_and_its_calls_cost_nothing(store: Store) -> None:
    before = LAST - HOUR
    collect(store, served("growth", before, input_tokens=1, output_tokens=0), served("search"), capacity=OURS)
    rates = "rates = { input_rate = 0, cache_read_rate = 0, output_rate = 0 }\n"
    since = f"valid_from = {LAST:%Y-%m-%dT%H:%M:%SZ}\n"
    state_prices_of_all_calls(store, f'[[price]]\nprovider = "openai"\nmodel = "gpt-5"\n{since}{rates}')
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    assert [row for row in store.query(COSTS).rows if row[0] == "search"] == [("search", 0, "flat")]
    assert sum(costs(store).values()) == (LAST.hour + 1) * Decimal("12.5")
    assert costs(store)["idle"] == LAST.hour * Decimal("12.5")


def test_doing_it_again_changes_nothing_and_a_late_call_is_spread_anew(store: Store) -> None:
    collect(store, served("search"), capacity=OURS)
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    before = store.query(ALL).rows
    assert allocate_capacity(store, "ours", RESOURCE, WHEN + timedelta(seconds=1)) == 0
    assert store.query(ALL).rows == before
    collect(store, served("growth"), capacity=OURS, now=WHEN + HOUR / 2)
    assert allocate_capacity(store, "ours", RESOURCE, WHEN + HOUR / 2) == 1
    assert costs(store)["growth"] == costs(store)["search"]
    assert sum(costs(store).values()) == (LAST.hour + 1) * Decimal("12.5")


def test_a_call_that_arrives_months_late_is_spread_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, "LOOKS_BACK", HOUR)
    first, later = LAST.replace(hour=0), WHEN + HOUR / 4
    collect(store, served("search", first), served("search", first + HOUR), capacity=OURS)
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    collect(store, served("growth", first), capacity=OURS, now=later)
    assert [allocate_capacity(store, "ours", RESOURCE, later + after * HOUR / 4) for after in (1, 2)] == [1, 0]
    assert costs(store)["growth"] == pytest.approx(Decimal("6.25"), rel=Decimal("1e-6"))
    assert sum(costs(store).values()) == (LAST.hour + 1) * Decimal("12.5")


def test_a_call_that_was_inserted_after_the_hour_was_worked_out_is_spread_too(store: Store) -> None:
    collect(store, served("search"), capacity=OURS)
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    collect(store, served("growth"), capacity=OURS, now=WHEN - timedelta(seconds=1))
    done = [allocate_capacity(store, "ours", RESOURCE, WHEN + after * timedelta(minutes=5)) for after in (1, 2, 3)]
    assert (done[0], done[-1]) == (1, 0)
    assert costs(store)["growth"] == costs(store)["search"]
    assert sum(costs(store).values()) == (LAST.hour + 1) * Decimal("12.5")


def test_calls_from_before_it_was_declared_are_served_by_it_and_keep_that_when_priced_again(store: Store) -> None:
    collect(store, *(dataclasses.replace(served("search"), host="late.example") for _ in range(3)))
    late = RESOURCE.model_copy(update={"host": "late.*"})
    allocate_capacity(store, "ours", late, WHEN)
    spent = costs(store)
    assert spent["search"] == pytest.approx(Decimal("12.5"), rel=Decimal("1e-6"))
    reprice(store, Resolver(), NOW.replace(hour=0, minute=0), LAST + HOUR, "again", WHEN, dry_run=False)
    assert costs(store) == spent


def test_calls_of_the_hour_in_which_it_was_declared_are_served_by_it(store: Store) -> None:
    collect(store, served("search"))
    allocate_capacity(store, "ours", RESOURCE, LAST + HOUR / 2)
    collect(store, served("growth"), capacity=OURS)
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    assert costs(store)["search"] == costs(store)["growth"]
    assert sum(costs(store).values()) == (LAST.hour + 1) * Decimal("12.5")


def test_calls_of_a_day_that_is_declared_later_are_served_by_it(store: Store) -> None:
    yesterday = RESOURCE.model_copy(update={"valid_from": RESOURCE.valid_from - timedelta(days=1)})
    collect(store, served("search", at=LAST - 24 * HOUR))
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    allocate_capacity(store, "ours", yesterday, WHEN + timedelta(minutes=5))
    assert {status for team, _, status in store.query(COSTS).rows if team == "search"} == {"flat"}
    assert sum(costs(store).values()) == (24 + LAST.hour + 1) * Decimal("12.5")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_resource_that_replaces_another_since_yesterday_takes_its_hours(store: Store, is_first: bool) -> None:
    today, before = RESOURCE.valid_from, RESOURCE.valid_from - timedelta(days=1)
    old = RESOURCE.model_copy(update={"valid_from": before})
    collect(store, served("search", at=LAST - 24 * HOUR), served("growth"), capacity={"old": old})
    allocate(store, {"old": old}, {}, WHEN)
    spent = costs(store)["search"]
    ended = old.model_copy(update={"valid_to": today})
    new = RESOURCE.model_copy(update={"hourly": Decimal(20)})
    both = {"new": new, "old": ended} if is_first else {"old": ended, "new": new}
    allocate(store, both, {}, WHEN + timedelta(minutes=5))
    assert costs(store)["search"] == spent
    assert costs(store)["growth"] == pytest.approx(Decimal(20), rel=Decimal("1e-6"))
    assert sum(costs(store).values()) == 24 * Decimal("12.5") + (LAST.hour + 1) * Decimal(20)
    allocate(store, both, {}, WHEN + timedelta(minutes=10))
    assert sum(costs(store).values()) == 24 * Decimal("12.5") + (LAST.hour + 1) * Decimal(20)


def test_calls_of_days_that_are_not_paid_any_more_are_paid_by_the_token(store: Store) -> None:
    collect(store, served("search"), served("growth", at=LAST + HOUR), capacity=OURS)
    allocate(store, OURS, {}, WHEN)
    tomorrow = RESOURCE.model_copy(update={"valid_from": RESOURCE.valid_from + timedelta(days=1)})
    assert take_back_capacity(store, "ours", tomorrow, WHEN) == LAST.hour + 2
    assert costs(store) == {"search": Decimal("0.00225"), "growth": Decimal("0.00225"), "idle": 0}
    assert store.query(HOURS).rows == []
    assert take_back_capacity(store, "ours", tomorrow, WHEN) == 0


def test_calls_beyond_the_sizes_of_the_list_prices_bear_no_more_than_the_hour(store: Store) -> None:
    prices = '[[price]]\nprovider = "our servers"\nmodel = "llama"\ninput_to = 2000\nrates = { input_rate = 10, output_rate = 20 }\n'
    state_prices_of_all_calls(store, prices)
    ours = {"model_requested": "llama", "provider": "our servers"}
    collect(store, served("search", **ours), served("growth", **ours, input_tokens=3000), capacity=OURS)
    key(store, "llama", price_key("our servers", "llama", ""))
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    found = costs(store)
    assert sum(found.values()) == (LAST.hour + 1) * Decimal("12.5")
    assert found["idle"] == pytest.approx(LAST.hour * Decimal("12.5"), rel=Decimal("1e-6"))
    # 0.012 $ at its list price, and 3,100 tokens at a dollar a million.
    assert found["search"] / found["growth"] == pytest.approx(Decimal("0.012") / Decimal("0.0031"), rel=Decimal("1e-3"))


def test_calls_whose_names_are_understood_later_still_bear_their_hour(store: Store) -> None:
    collect(store, served("search", model_requested="llama", provider="our servers"), capacity=OURS)
    allocate_capacity(store, "ours", RESOURCE, WHEN)
    spent = costs(store)
    known = Resolver(Declared([DeclaredModel(name="llama", is_model="llama-70b", of_provider="our servers")]))
    reprice(store, known, NOW.replace(hour=0, minute=0), NOW, "again", WHEN, False, OURS)
    assert allocate_capacity(store, "ours", RESOURCE, WHEN + timedelta(minutes=5)) == 0
    assert costs(store) == spent


def test_calls_are_marked_where_they_arrive() -> None:
    call = served("search")
    (line,) = batch_of(call.to_json(), capacity=OURS).lines
    assert b'"capacity":"ours"' in line.json
    (line,) = batch_of(dataclasses.replace(call, host="elsewhere").to_json(), capacity=OURS).lines
    assert b'"capacity":""' in line.json


def test_a_call_is_served_where_it_arrives_and_afterwards_by_the_same_pattern(store: Store) -> None:
    fits = parse("fits", "-- One row = a text.\nSELECT match({text:String}, {model:String})")
    models = ("claude-opus-4[1m]", "claude-opus-41", "claude-opus-4?", "a\nb", "gpt-4.1", "gpt-4-1")
    for pattern, model in itertools.product(("claude-opus-4[1m]", "claude-opus-4?", "a*b", "gpt-4.1"), models):
        resource = RESOURCE.model_copy(update={"model": pattern})
        call = served("search", model_requested=model, model_responded="")
        is_fit = pattern == model or (pattern, model) == ("a*b", "a\nb")
        asked = {"text": model, "model": resource.expressions()["model"]}
        assert (resource.serves(call), bool(store.query(fits, asked).scalar())) == (is_fit, is_fit), (pattern, model)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hourly": "0"}, "hourly"),
        ({"hourly": "-3"}, "hourly"),
        ({"host": "*"}, "say which calls"),
        ({"valid_to": "2026-01-01"}, "valid_to must be later"),
        ({"kind": "cloud"}, "kind"),
        ({"tokens_per_hour": 0}, "tokens_per_hour"),
    ],
)
def test_a_resource_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    right = {"kind": "gpu", "hourly": "2", "host": "gpu-1", "valid_from": "2026-11-01"}
    with pytest.raises(ValidationError, match=said):
        CapacityConfig.model_validate(right | wrong)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**9))
def test_calls_never_bear_more_than_the_hour_costs(inputs: int, outputs: int, most: int) -> None:
    resource = CapacityConfig(
        kind="gpu", hourly=Decimal("3.3"), host="gpu-1", valid_from=date(2026, 11, 1), tokens_per_hour=most
    )
    use = Use(NOW, 1, inputs, outputs, inputs + outputs)
    assert 0 <= borne(resource, use) <= resource.hourly
    assert 0 <= (utilization(resource, use) or 0) <= 1
