"""What is known only later of calls of flat capacity: what their names mean, and until when their resource was paid."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from tokentide.call import LLMCall

from collector.allocation.allocate import allocate
from collector.allocation.capacity import CapacityConfig
from collector.price_book.declared import Declared, DeclaredModel
from collector.price_book.resolve import Resolver
from collector.repricing.reprice import reprice
from store.connection import Store
from store.sql import parse

HOUR = timedelta(hours=1)
LAST = NOW.replace(minute=0) - HOUR
MIDNIGHT = NOW.replace(hour=0, minute=0)
WHEN = NOW + timedelta(minutes=15)
OLD = CapacityConfig(kind="ptu", hourly=Decimal("12.5"), host="flat.example", valid_from=LAST.date())
LATER = OLD.model_copy(update={"valid_from": OLD.valid_from + timedelta(days=1)})
KNOWN = Resolver(Declared([DeclaredModel(name="llama", is_model="llama-70b", of_provider="our servers")]))
COSTS = parse(
    "costs",
    "-- One row = a team.\nSELECT team, sum(cost), sum(unpriced) FROM call_hours FINAL GROUP BY team ORDER BY team",
)


def served(team: str, **more: object) -> LLMCall:
    told: dict[str, object] = {"host": "flat.example", "cache_read_tokens": 0, "started_at": LAST + HOUR / 4}
    return a_call(team=team, **{**told, "model_requested": "llama", "provider": "our servers", **more})


def costs(store: Store) -> dict[str, tuple[Decimal | None, int]]:
    return {team: (cost, unpriced) for team, cost, unpriced in store.query(COSTS).rows}


@pytest.mark.parametrize("now_declared", [{}, {"old": LATER}, {"old": OLD}])
def test_calls_keep_their_charge_when_their_names_are_understood_otherwise(
    store: Store, now_declared: dict[str, CapacityConfig]
) -> None:
    collect(store, served("search"), served("growth"), capacity={"old": OLD})
    collect(store, served("token", host="elsewhere"))
    allocate(store, {"old": OLD}, {}, WHEN)
    spent = costs(store)
    done = reprice(store, KNOWN, MIDNIGHT, NOW, "again", WHEN, False, now_declared)
    assert sum(one.calls for one in done.renamed) == (3 if OLD in now_declared.values() else 1)
    assert costs(store) == spent


@pytest.mark.parametrize("is_first", [True, False])
def test_calls_that_are_given_back_are_those_of_a_follower_whose_hours_are_worked_out(
    store: Store, is_first: bool
) -> None:
    follower = OLD.model_copy(update={"hourly": Decimal(20)})
    old = OLD.model_copy(update={"valid_from": OLD.valid_from - timedelta(days=1)})
    collect(store, served("search"), served("growth", started_at=NOW), capacity={"old": old, "new": follower})
    allocate(store, {"old": old, "new": follower}, {}, WHEN)
    ended = old.model_copy(update={"valid_to": OLD.valid_from})
    both = {"new": follower, "old": ended} if is_first else {"old": ended, "new": follower}
    for later in (5, 10):
        allocate(store, both, {}, WHEN + timedelta(minutes=later))
        found = costs(store)
        assert found["search"] == (pytest.approx(Decimal(20), rel=Decimal("1e-6")), 0)
        assert sum(cost or 0 for cost, _ in found.values()) == 24 * old.hourly + (LAST.hour + 1) * follower.hourly
