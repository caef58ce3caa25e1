from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import AT, a_call, a_rate_limited_call
from tokentide.call import LLMCall

from collector.prices import seed_prices
from collector.rollup import RollUp
from collector.write import Writer
from store.connection import Store
from store.sql import parse

TOTALS = parse(
    "totals",
    "-- totals of the minutes and of the hours\nSELECT sum(attempts), sum(operations), sum(rate_limited), sum(cost),"
    " sum(priced), sum(unpriced), (SELECT tuple(sum(attempts), sum(cost)) FROM call_hours FINAL) FROM call_minutes FINAL",
)


@pytest.fixture
def roll_up(store: Store) -> RollUp:
    seed_prices(store, NOW)
    return RollUp(store)


def put(store: Store, roll_up: RollUp, *calls: LLMCall) -> None:
    batch = batch_of(*(call.to_json() for call in calls))
    Writer(store, "kafka", lambda s: False, lambda: 0.0).write(batch, NOW)
    roll_up.touch(batch.minutes)


def totals(store: Store) -> tuple[Any, ...]:
    return store.query(TOTALS).rows[0]


def test_totals_come_from_deduplicated_facts_however_often_they_are_delivered(store: Store, roll_up: RollUp) -> None:
    calls = [
        a_call(),
        a_rate_limited_call(),
        a_call(model_requested="nobody-knows"),
        a_call(started_at=AT - timedelta(hours=3)),
    ]
    expected = (4, 3, 1, Decimal("0.002026"), 3, 1, (4, Decimal("0.002026")))
    for _ in range(3):
        put(store, roll_up, *calls)
        roll_up.rebuild()
        assert totals(store) == expected


def test_a_late_event_changes_its_own_minute_only(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call())
    roll_up.rebuild()
    put(store, roll_up, a_call(started_at=AT - timedelta(days=20)))
    assert roll_up.rebuild() == 1
    assert totals(store)[0] == 2


def test_a_stop_between_insert_and_roll_up_is_made_up_for(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call())
    restarted = RollUp(store)
    restarted.recover()
    assert restarted.rebuild() == 1
    assert totals(store)[0] == 1


def test_the_ledger_knows_what_is_stored_of_each_producer(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call(seq=4), a_call(seq=9), a_call(producer_id="producer-2", seq=1))
    roll_up.rebuild()
    rows = store.query(
        parse("ledger", "-- ledger\nSELECT producer_id, stored, first_seq, last_seq FROM loss_ledger FINAL ORDER BY 1")
    )
    assert rows.rows == [("producer-1", 2, 4, 9), ("producer-2", 1, 1, 1)]


def test_nothing_touched_is_nothing_done(roll_up: RollUp) -> None:
    assert roll_up.rebuild() == 0
