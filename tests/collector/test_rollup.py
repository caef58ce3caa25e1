from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import AT, a_call, a_rate_limited_call
from given_prices import give_prices
from tokentide.call import MOST_DOLLARS, MOST_TOKENS, LLMCall

from collector.rollup import RollUp, rest_s
from collector.write import Writer
from server import programs
from server.config import Config
from store.connection import Store
from store.errors import QueryError, StoreUnavailable
from store.sql import Query, parse

TOTALS = parse(
    "totals",
    "-- totals of the minutes and of the hours\nSELECT sum(attempts), sum(operations), sum(rate_limited), sum(cost),"
    " sum(priced), sum(unpriced), (SELECT tuple(sum(attempts), sum(cost)) FROM call_hours FINAL) FROM call_minutes FINAL",
)


@pytest.fixture
def roll_up(store: Store) -> RollUp:
    give_prices(store)
    return RollUp(store)


def put(store: Store, roll_up: RollUp, *calls: LLMCall) -> None:
    batch = batch_of(*(call.to_json() for call in calls))
    Writer(store, "kafka", uuid4().hex, lambda s: False, lambda: 0.0).write(batch, NOW)
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


def test_the_sums_of_the_most_that_calls_can_have_are_exact(store: Store, roll_up: RollUp) -> None:
    most = {"input_tokens": MOST_TOKENS, "output_tokens": MOST_TOKENS, "provider_reported_cost": Decimal(MOST_DOLLARS)}
    refused = a_call(input_tokens=2**63 - 1, provider_reported_cost=Decimal(-5))
    put(store, roll_up, *(a_call(**most) for _ in range(3)), *(replace(refused, seq=seq) for seq in (2, 3, 4)))
    roll_up.rebuild()
    sums = parse(
        "sums",
        "-- sums of the minutes\nSELECT sum(input_tokens), sum(output_tokens), sum(cost) FROM call_minutes FINAL",
    )
    assert store.query(sums).rows == [(3 * MOST_TOKENS, 3 * MOST_TOKENS, 3 * MOST_DOLLARS)]


def test_hits_of_the_apps_cache_are_no_attempts_but_counted_with_what_they_saved(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call(), a_call(cache_hit=True), a_call(cache_hit=True, model_requested="nobody-knows"))
    roll_up.rebuild()
    hits = "SELECT sum(attempts), sum(ok), sum(priced), sum(unpriced), sum(input_tokens), sum(cost), sum(cache_hits), sum(saved)"
    for table in ("call_minutes", "call_hours"):
        found = store.query(parse("hits", f"-- totals with hits\n{hits} FROM {table} FINAL")).rows
        assert found == [(1, 1, 1, 0, 100, Decimal("0.001013"), 2, Decimal("0.001013"))]


def test_a_period_with_nothing_but_hits_is_no_row_that_somebody_divides_by(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call(cache_hit=True))
    roll_up.rebuild()
    assert store.query(parse("periods", "-- periods\nSELECT count() FROM call_periods")).scalar() == 0


def test_a_hit_costs_nothing_and_says_nothing_of_the_cost_of_attempts(store: Store, roll_up: RollUp) -> None:
    unknown = a_call(model_requested="nobody-knows")
    put(store, roll_up, unknown, replace(unknown, call_id=str(uuid4()), seq=2, cache_hit=True))
    roll_up.rebuild()
    for table in ("call_minutes", "call_hours"):
        sums = "if(sum(priced) = 0 AND sum(attempts) > 0, NULL, sum(cost)), sum(priced), sum(unpriced)"
        assert store.query(parse("costs", f"-- costs\nSELECT {sums} FROM {table} FINAL")).rows == [(None, 0, 1)]


def test_a_duration_that_is_not_known_slows_nothing_down_or_up(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call(duration_ms=100.0), *(a_call(duration_ms=0.0) for _ in range(9)))
    roll_up.rebuild()
    medians = parse(
        "medians",
        "-- medians\nSELECT quantilesTDigestMerge(0.5, 0.95, 0.99)(duration)[1], quantilesTDigestMerge(0.5, 0.95, 0.99)(felt)[1]"
        " FROM call_hours FINAL",
    )
    assert store.query(medians).rows == [(100.0, 100.0)]


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


def test_a_stop_of_so_many_days_that_no_touch_is_left_is_made_up_for(
    store: Store, roll_up: RollUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = datetime.now(timezone.utc) - timedelta(days=8)
    for at in (stopped - timedelta(hours=2), stopped):
        batch = batch_of(a_call(started_at=at).to_json(), now=at)
        Writer(store, "kafka", uuid4().hex, lambda s: False, lambda: 0.0).write(batch, at)
        if at < stopped:
            roll_up.touch(batch.minutes)
            roll_up.rebuild()
    for table in ("call_minutes", "call_hours"):  # as if it had been rolled up then
        store.execute(parse("then", f"-- x\nCREATE TABLE of_then ENGINE = Memory AS SELECT * FROM {table}"))
        store.execute(parse("emptied", f"-- x\nTRUNCATE TABLE {table}"))
        then = f"INSERT INTO {table} SELECT * REPLACE (version - INTERVAL 8 DAY AS version) FROM of_then"
        store.execute(parse("older", f"-- x\n{then}"))
        store.execute(parse("dropped", "-- x\nDROP TABLE of_then"))
    store.execute(parse("expired", "-- after seven days\nTRUNCATE TABLE touched_minutes"))
    monkeypatch.setattr(programs, "check_free", lambda dsn: None)  # the engine of the tests holds the folder
    programs.prepare_store(Config(store={"dsn": store.dsn, "database": store.database})).close()
    restarted = RollUp(store)
    restarted.recover()
    restarted.rebuild()
    assert (totals(store)[0], totals(store)[-1][0]) == (2, 2)


def test_what_was_rolled_up_hours_before_a_stop_is_left_alone_and_what_was_just_before_is_not(
    store: Store, roll_up: RollUp
) -> None:
    for hours_ago in (4, 0):
        put(store, roll_up, a_call(started_at=AT - timedelta(hours=hours_ago)))
        roll_up.rebuild()
    for table, time in (("touched_minutes", "touched_at"), ("call_minutes", "version"), ("call_hours", "version")):
        store.execute(parse("then", f"-- x\nCREATE TABLE of_then ENGINE = Memory AS SELECT * FROM {table}"))
        store.execute(parse("emptied", f"-- x\nTRUNCATE TABLE {table}"))
        minute = "hour" if table == "call_hours" else "minute"
        ago = f"if({minute} > '{AT:%Y-%m-%d %H}:00:00' - INTERVAL 1 HOUR, INTERVAL 0 HOUR, INTERVAL 4 HOUR)"
        then = f"INSERT INTO {table} SELECT * REPLACE ({time} - {ago} AS {time}) FROM of_then"
        store.execute(parse("older", f"-- x\n{then}"))
        store.execute(parse("dropped", "-- x\nDROP TABLE of_then"))
    restarted = RollUp(store)
    restarted.recover()
    assert restarted.rebuild() == 1


def test_the_ledger_knows_what_is_stored_of_each_producer(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call(seq=4), a_call(seq=9), a_call(producer_id="producer-2", seq=1))
    roll_up.rebuild()
    rows = store.query(
        parse("ledger", "-- ledger\nSELECT producer_id, stored, first_seq, last_seq FROM loss_ledger FINAL ORDER BY 1")
    )
    assert rows.rows == [("producer-1", 2, 4, 9), ("producer-2", 1, 1, 1)]


def test_a_group_that_its_facts_have_left_is_forgotten_everywhere(store: Store, roll_up: RollUp) -> None:
    call = a_call(team="search", app="shop")
    for changed in (call, replace(call, team="growth", app="blog", model_requested="gpt-5-mini")):
        put(store, roll_up, changed)
        roll_up.rebuild()
    kept = parse(
        "kept",
        "-- groups everywhere\nSELECT team, app, attempts FROM call_minutes FINAL"
        " UNION ALL SELECT team, app, attempts FROM call_hours FINAL"
        " UNION ALL SELECT 'growth', app, stored FROM loss_ledger FINAL",
    )
    assert store.query(kept).rows == [("growth", "blog", 1)] * 3


def test_a_group_that_comes_back_is_counted_again(store: Store, roll_up: RollUp) -> None:
    call = a_call(team="search")
    for changed in (call, replace(call, team="growth"), call):
        put(store, roll_up, changed)
        roll_up.rebuild()
    teams = parse("teams", "-- teams\nSELECT team, attempts FROM call_hours FINAL")
    assert store.query(teams).rows == [("search", 1)]


def test_a_clock_that_went_backwards_does_not_keep_old_totals(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call())
    roll_up.rebuild()
    for table in ("call_minutes", "call_hours", "loss_ledger"):
        later = f"-- as if it was written by a clock that is a day ahead\nINSERT INTO {table}"
        store.execute(parse("later", f"{later} SELECT * REPLACE (version + INTERVAL 1 DAY AS version) FROM {table}"))
    put(store, roll_up, a_call(seq=2))
    roll_up.rebuild()
    assert (totals(store)[0], totals(store)[-1][0]) == (2, 2)
    assert store.query(parse("stored", "-- stored\nSELECT sum(stored) FROM loss_ledger FINAL")).scalar() == 2


def test_a_stop_after_the_clock_went_backwards_is_made_up_for(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, a_call())
    roll_up.rebuild()
    for table in ("call_minutes", "call_hours"):  # as if the clock had been three hours ahead then
        store.execute(
            parse(
                "ahead",
                f"-- x\nINSERT INTO {table} SELECT * REPLACE (version + INTERVAL 3 HOUR AS version) FROM {table}",
            )
        )
    put(store, RollUp(store), a_call())
    successor = RollUp(store)
    successor.recover()
    successor.rebuild()
    assert totals(store)[0] == 2


def test_two_collectors_that_roll_up_the_same_hour_leave_no_minute_out(
    store: Store, roll_up: RollUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, roll_up, a_call())
    other = RollUp(Store(store.dsn, store.database))
    put(store, other, a_call(started_at=AT - timedelta(minutes=1)))
    execute = store.execute

    def interrupted(query: Query, parameters: Any = None) -> None:
        if query.name == "roll_up_minutes":
            other.rebuild()
        execute(query, parameters)

    monkeypatch.setattr(store, "execute", interrupted)
    roll_up.rebuild()
    other._store.close()
    assert (totals(store)[0], totals(store)[-1][0]) == (2, 2)


def test_a_backlog_is_worked_off_in_pieces_the_newest_first(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, *(a_call(started_at=AT - timedelta(minutes=n)) for n in range(250)))
    assert [roll_up.rebuild(), totals(store)[0], roll_up.rebuild(), totals(store)[0]] == [240, 240, 10, 250]


def test_the_rest_of_a_backlog_is_found_after_a_stop(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, *(a_call(started_at=AT - timedelta(minutes=n)) for n in range(250)))
    roll_up.rebuild()
    restarted = RollUp(store)
    restarted.recover(overlap=timedelta(0))
    assert restarted.rebuild() == 10


def test_trouble_of_the_store_keeps_the_minutes_and_the_loop(
    store: Store, roll_up: RollUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, roll_up, a_call())
    stop, execute, troubles = threading.Event(), store.execute, iter([StoreUnavailable("away"), QueryError("wrong")])

    def sometimes(query: Query, parameters: Any = None) -> None:
        if trouble := next(troubles, None):
            raise trouble
        stop.set()
        execute(query, parameters)

    monkeypatch.setattr(store, "execute", sometimes)
    roll_up.run(stop, 0.01)
    assert totals(store)[0] == 1


@pytest.mark.parametrize(
    ("worked_s", "is_behind", "rest"), [(0.2, False, 0.8), (0.2, True, 0.8), (4.0, False, 2.0), (4.0, True, 16.0)]
)
def test_it_rests_longer_while_records_wait_for_their_insert(worked_s: float, is_behind: bool, rest: float) -> None:
    assert rest_s(worked_s, 1.0, is_behind) == pytest.approx(rest)


def test_nothing_touched_is_nothing_done(roll_up: RollUp) -> None:
    assert roll_up.rebuild() == 0
