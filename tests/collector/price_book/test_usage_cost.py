"""The cost of one usage: exact, by the row that holds, and the same as the store says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from uuid import uuid4

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import a_call
from given_prices import give_prices
from hypothesis import example, given
from hypothesis import strategies as st
from tokentide.call import MOST_TOKENS
from tokentide.manual import TOKENS

from collector.price_book.release import release_rows
from collector.price_book.resolve import Resolver
from collector.price_book.usage_cost import usage_cost
from collector.write import Writer
from store.connection import Store
from store.sql import parse

COSTS = parse("costs", "-- One row = one call.\nSELECT cost, cost_status FROM priced_calls ORDER BY seq")
MODELS = (
    ("openai", "gpt-5", ""),
    ("openai", "gpt-5.4", "flex"),
    ("openai", "text-embedding-3-small", ""),
    ("anthropic", "claude-sonnet-4-5", "batch"),
    ("google", "gemini-2.5-flash", ""),
    ("deepseek", "deepseek-v4-pro", ""),
    ("nobody", "nothing", ""),
)
COUNTS = st.one_of(st.integers(0, 3_000), st.integers(0, 400_000), st.integers(0, MOST_TOKENS))
USAGES = st.dictionaries(st.sampled_from(TOKENS), COUNTS)
INSTANTS = st.datetimes(datetime(2025, 12, 1), datetime(2026, 11, 20), timezones=st.just(timezone.utc))  # noqa: DTZ001  # the bounds have none


def rows_of(provider: str, model: str, tier: str) -> object:
    return release_rows().get(Resolver().key(provider, "", model, "", tier), ())


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"input_tokens": 1_000_000}, "3"),
        ({"input_tokens": 100_000, "cache_read_tokens": 100_000}, "0.03"),
        ({"input_tokens": 1_000, "cache_write_5m_tokens": 400, "cache_write_1h_tokens": 100}, "0.0036"),
        ({"output_tokens": 1_000, "reasoning_tokens": 900}, "0.015"),
    ],
)
def test_every_token_is_charged_once(usage: dict[str, int], cost: str) -> None:
    at = datetime(2026, 5, 1, tzinfo=timezone.utc)
    found = usage_cost(rows_of("anthropic", "claude-sonnet-4-0", ""), at, usage)  # type: ignore[arg-type]
    assert (found.status, found.cost) == ("priced", Decimal(cost))
    assert sum(part.cost for part in found.parts) == found.cost


@pytest.mark.parametrize("usage", [{"input_tokens": -1}, {"input_tokens": 1.5}, {"input_tokens": True}, {"tokens": 1}])
def test_a_count_that_is_none_is_an_error(usage: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="count"):
        usage_cost((), NOW, usage)


@pytest.mark.parametrize(
    ("usage", "status"),
    [
        ({}, "missing_usage"),
        ({"cache_read_tokens": 6}, "missing_usage"),
        ({"input_tokens": 5, "cache_read_tokens": 6}, "contradictory"),
        ({"output_tokens": 5, "reasoning_tokens": 6}, "contradictory"),
        ({"input_tokens": 100_000_001}, "contradictory"),
    ],
)
def test_what_cannot_be_is_never_a_sum(usage: dict[str, int], status: str) -> None:
    found = usage_cost(rows_of("openai", "gpt-5", ""), NOW, usage)  # type: ignore[arg-type]
    assert (found.status, found.cost) == (status, None)


def test_the_store_says_the_same(store: Store) -> None:
    give_prices(store)
    calls, expected = [], []

    @example(model=("openai", "nobody-knows", ""), usage={"input_tokens": 1}, at=NOW)
    @given(model=st.sampled_from(MODELS), usage=USAGES, at=INSTANTS)
    def remember(model: tuple[str, str, str], usage: dict[str, int], at: datetime) -> None:
        provider, name, tier = model
        found = usage_cost(rows_of(provider, name, tier), at.replace(microsecond=0), usage)  # type: ignore[arg-type]
        call = a_call(call_id=str(uuid4()), seq=len(calls) + 1, provider=provider, model_requested=name)
        counts = dict.fromkeys(TOKENS) | usage
        calls.append(replace(call, service_tier=tier, started_at=at.replace(microsecond=0), **counts))
        expected.append((found.cost, found.status))

    remember()
    batch = batch_of(*(call.to_json() for call in calls), days=400)
    assert not batch.dead_letters
    Writer(store, "kafka", uuid4().hex, lambda s: False, lambda: 0.0).write(batch, NOW)
    assert store.query(COSTS).rows == expected
    assert {status for _, status in expected} >= {"priced", "unpriced", "contradictory"}
