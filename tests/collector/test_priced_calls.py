from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import a_call, a_rate_limited_call
from given_prices import give_prices
from tokentide.call import LLMCall

from collector.price_book.book import seed_prices
from collector.write import Writer
from store.connection import Store
from store.sql import parse

PRICED = parse("priced", "-- cost of the one call\nSELECT cost, cost_status FROM priced_calls")
SAVED = parse("saved", "-- saved by the one hit\nSELECT saved FROM priced_calls")


@pytest.fixture
def priced(store: Store) -> Store:
    give_prices(store)
    return store


def price(store: Store, call: LLMCall) -> tuple[Any, ...]:
    batch = batch_of(call.to_json(), days=400)
    assert not batch.dead_letters
    Writer(store, "kafka", uuid4().hex, lambda s: False, lambda: 0.0).write(batch, NOW)
    (row,) = store.query(PRICED).rows
    return row


CLAUDE = {"provider": "anthropic", "model_requested": "claude-sonnet-4-5", "cache_read_tokens": None}


@pytest.mark.parametrize(
    ("call", "cost", "status"),
    [
        (a_call(), "0.001013", "priced"),
        (a_call(model_requested="nobody-knows"), None, "unpriced"),
        (a_call(provider="nobody", model_requested="nothing"), None, "unpriced"),
        (a_rate_limited_call(), "0", "free"),
        (a_call(operation="count_tokens", output_tokens=None), "0", "free"),
        (a_call(input_tokens=None, output_tokens=None, usage_source="missing"), None, "missing_usage"),
        (a_call(status="network", http_status=None, usage_source="missing"), None, "missing_usage"),
        (a_call(input_tokens=None, cache_read_tokens=None, output_tokens=None), None, "missing_usage"),
        (a_call(cache_read_tokens=101), None, "contradictory"),
        (a_call(provider_reported_cost=Decimal("0.5")), "0.5", "provider_reported"),
        (a_call(usage_source="estimated"), "0.001013", "estimated"),
        (a_call(service_tier="flex"), "0.0005065", "priced"),
        (a_call(service_tier="default"), "0.001013", "priced"),
        (a_call(input_tokens=10**12, cache_read_tokens=10**12, output_tokens=0), None, "contradictory"),
        (a_call(input_tokens=10**8, cache_read_tokens=None, output_tokens=10**8), "1125", "priced"),
        (a_call(input_tokens=10**8 + 1, cache_read_tokens=None, output_tokens=0), None, "contradictory"),
        (a_call(input_tokens=5, cache_read_tokens=10**12, cache_write_5m_tokens=10**12), None, "contradictory"),
        (a_call(**CLAUDE, input_tokens=200_000, output_tokens=1000), "0.615", "priced"),
        (a_call(**CLAUDE, input_tokens=200_001, output_tokens=1000), "1.222506", "priced"),
        (
            a_call(**CLAUDE, input_tokens=1000, cache_write_5m_tokens=400, cache_write_1h_tokens=100),
            "0.005040",
            "priced",
        ),
        (
            a_call(model_requested="text-embedding-3-small", output_tokens=None, cache_read_tokens=None),
            "0.000002",
            "priced",
        ),
        (a_call(model_requested="text-embedding-3-small", output_tokens=5, cache_read_tokens=None), None, "partial"),
    ],
)
def test_a_call_costs_what_its_price_says_and_never_zero_when_unknown(
    priced: Store, call: LLMCall, cost: str | None, status: str
) -> None:
    assert price(priced, call) == (None if cost is None else Decimal(cost), status)


@pytest.mark.parametrize(
    ("hit", "saved"),
    [
        (a_call(), "0.001013"),
        (a_call(provider_reported_cost=Decimal("0.5")), "0.5"),
        (a_call(model_requested="nobody-knows"), None),
        (a_call(input_tokens=None, output_tokens=None, usage_source="missing"), None),
        (a_call(cache_read_tokens=101), None),
    ],
)
def test_a_hit_of_the_apps_cache_costs_nothing_and_saves_what_an_answer_would_have_cost(
    priced: Store, hit: LLMCall, saved: str | None
) -> None:
    assert price(priced, replace(hit, cache_hit=True)) == (Decimal(0), "cache_hit")
    assert priced.query(SAVED).scalar() == (None if saved is None else Decimal(saved))


def test_a_call_that_was_made_saves_nothing(priced: Store) -> None:
    price(priced, a_call())
    assert priced.query(SAVED).scalar() is None


@pytest.mark.parametrize(("second", "cost"), [(59, "0.5"), (60, "0.4")])
def test_a_call_is_priced_by_the_price_that_was_valid_when_it_started(priced: Store, second: int, cost: str) -> None:
    call = a_call(model_requested="gpt-5.6-sol", input_tokens=100_000, cache_read_tokens=None, output_tokens=0)
    started_at = datetime(2026, 8, 20, 23, 59, tzinfo=timezone.utc) + timedelta(seconds=second)
    assert price(priced, replace(call, started_at=started_at)) == (Decimal(cost), "priced")


def test_the_second_seeding_adds_nothing(priced: Store) -> None:
    assert seed_prices(priced, NOW) == 0


def test_no_two_price_rows_can_match_one_call(priced: Store) -> None:
    overlaps = parse(
        "overlaps",
        "-- overlapping rows\nSELECT count() FROM effective_prices AS a JOIN effective_prices AS b"
        " ON a.price_key = b.price_key AND a.cell = b.cell"
        " WHERE a.starts_at < b.starts_at AND b.starts_at < a.ends_at",
    )
    assert priced.query(overlaps).scalar() == 0
