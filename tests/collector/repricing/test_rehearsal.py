"""A dry run: what calls under newly understood names, and hours of capacity, would cost is what they cost then."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import state_prices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.allocation.allocate import allocate
from collector.allocation.capacity import CapacityConfig
from collector.books import close
from collector.price_book.declared import Declared, DeclaredModel
from collector.price_book.resolve import Resolver
from collector.repricing.reprice import Repriced, reprice
from store.connection import Store
from store.errors import StoreError
from store.sql import Query, parse

HOUR = timedelta(hours=1)
START, END = NOW - 6 * HOUR, NOW + HOUR
CLOCK = (NOW + timedelta(minutes=15, seconds=seconds) for seconds in itertools.count())
OCTOBER = NOW - timedelta(days=45)
DATABASES = parse(
    "databases", "-- One row = a database.\nSELECT name FROM system.databases WHERE name LIKE '%rehearsal%'"
)
CONTRACT = '[[price]]\nprovider = "openai"\nmodel = "gpt-5*"\nteam = "red"\ndiscount = 0.25\n'
RESOURCE = CapacityConfig(kind="gpu", hourly=Decimal("7.5"), host="flat.example", valid_from=NOW.date())


def meaning(**names: str) -> Resolver:
    """What the models `one` and `two` of any provider mean."""
    return Resolver(Declared([DeclaredModel(name=name, is_model=names[name], of_provider="openai") for name in names]))


def run(store: Store, resolver: Resolver, dry_run: bool, **capacity: CapacityConfig) -> Repriced:
    return reprice(store, resolver, START, END, "", next(CLOCK), dry_run, capacity)


CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "model_requested": st.sampled_from(["one", "two", "gpt-5"]),
            "provider": st.sampled_from(["openai", "our servers"]),
            "host": st.sampled_from(["flat.example", "api.example"]),
            "team": st.sampled_from(["red", "blue"]),
            "input_tokens": st.integers(64, 400_000),
            "output_tokens": st.integers(0, 9000),
            "cache_hit": st.booleans(),
            "started_at": st.integers(0, 7 * 4 - 1).map(lambda quarters: START + quarters * HOUR / 4),
        }
    ),
    min_size=1,
    max_size=6,
)
RESOLVERS = st.sampled_from(
    [meaning(), meaning(one="gpt-5"), meaning(one="gpt-5-mini", two="gpt-5"), meaning(two="o3-pro")]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6)
@given(
    calls=CALLS,
    resolver=RESOLVERS,
    is_known_capacity=st.booleans(),
    is_declared=st.booleans(),
    is_allocated=st.booleans(),
    has_contract=st.booleans(),
)
def test_a_dry_run_says_what_the_real_run_does(
    store: Store,
    calls: list[dict[str, Any]],
    resolver: Resolver,
    is_known_capacity: bool,
    is_declared: bool,
    is_allocated: bool,
    has_contract: bool,
) -> None:
    """The store keeps what the examples before have put into it."""
    capacity = {"ours": RESOURCE}
    collect(store, *(a_call(**call) for call in calls), capacity=capacity if is_known_capacity else {})
    if has_contract:
        state_prices(store, CONTRACT, "contract")
    if is_allocated:
        allocate(store, capacity, {}, next(CLOCK))
    tried = run(store, resolver, True, **(capacity if is_declared else {}))
    done = run(store, resolver, False, **(capacity if is_declared else {}))
    assert (tried.changes, tried.renamed) == (done.changes, done.renamed)


def test_calls_of_the_running_hour_are_seen_at_the_price_of_the_hour_before(store: Store) -> None:
    capacity = {"ours": RESOURCE}
    calls = (a_call(host="flat.example", started_at=at) for at in (NOW - HOUR, NOW))
    collect(store, *calls, capacity=capacity)
    tried, done = (run(store, meaning(), dry_run, **capacity) for dry_run in (True, False))
    assert tried.changes == done.changes
    assert [(one.team, one.priced_after) for one in done.changes] == [("idle", 0), ("search", 2)]


def test_of_two_prices_worked_out_at_once_the_later_one_counts_in_a_copy(store: Store) -> None:
    """That of an hour of capacity replaces what the hour before had carried on."""
    capacity = {"ours": RESOURCE}
    calls = (a_call(host="flat.example", started_at=NOW - hours * HOUR) for hours in (2, 1))
    collect(store, *calls, capacity=capacity)
    allocate(store, capacity, {}, next(CLOCK))
    tried, done = (run(store, meaning(**{"gpt-5": "gpt-5-mini"}), dry_run, **capacity) for dry_run in (True, False))
    assert tried.changes == done.changes


def test_the_name_that_a_call_had_before_gets_no_price_of_its_hour(store: Store) -> None:
    capacity = {"ours": RESOURCE}
    calls = (
        a_call(host="flat.example", model_requested=one, started_at=at)
        for one, at in (("one", NOW - HOUR), ("two", NOW))
    )
    collect(store, *calls, capacity=capacity)
    tried, done = (run(store, meaning(one="gpt-5"), dry_run, **capacity) for dry_run in (True, False))
    assert tried.changes == done.changes
    assert [(one.team, one.model, one.priced_after) for one in done.changes] == [
        ("idle", "ours", 0),
        ("search", "one", 1),
    ]


def test_nothing_is_left_of_it(store: Store) -> None:
    collect(store, a_call(model_requested="one", started_at=START))
    (change,) = run(store, meaning(one="gpt-5"), True).changes
    assert (change.cost_before, change.cost_after) == (None, Decimal("0.001013"))
    left = Query("left", "", f"CREATE DATABASE {store.database}_rehearsal_20261101000000000000", {})
    store.execute(left)
    run(store, meaning(one="gpt-5"), True)
    assert store.query(DATABASES).rows == []


def test_nothing_is_left_of_one_that_fails(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    collect(store, a_call(model_requested="one", started_at=START))
    execute = Store.execute

    def fails(self: Store, query: Query, *more: Any) -> None:
        if query.name == "rename_calls":
            raise StoreError("no room")
        execute(self, query, *more)

    with monkeypatch.context() as broken:
        broken.setattr(Store, "execute", fails)
        with pytest.raises(StoreError, match="no room"):
            run(store, meaning(one="gpt-5"), True)
    assert store.query(DATABASES).rows == []
    prepared = "-- One row = all.\nSELECT count() FROM effective_prices WHERE cost_version > (SELECT max(number) FROM cost_versions)"
    assert store.query(parse("prepared", prepared)).scalar() == 0


def test_what_becomes_a_correction_was_seen_before(store: Store) -> None:
    collect(store, *(a_call(model_requested="one", started_at=OCTOBER, team=team) for team in ("red", "blue")))
    month = date(2026, 10, 1)
    close(store, month, NOW)
    span = (OCTOBER.replace(minute=0, second=0, microsecond=0), NOW)
    tried = reprice(store, meaning(one="gpt-5"), *span, "", NOW, dry_run=True)
    assert [(one.month, one.team, one.cost_after) for one in tried.changes] == [
        (month, "blue", Decimal("0.001013")),
        (month, "red", Decimal("0.001013")),
    ]
    done = reprice(store, meaning(one="gpt-5"), *span, "", NOW, dry_run=False)
    assert (done.changes, done.corrections) == (tried.changes, 2)
