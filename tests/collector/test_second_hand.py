"""A call that a hook and a tracer tell of counts once, whichever comes first and however often either comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from collector_batches import batch_of
from events import AT, a_call
from given_prices import give_prices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokentide.call import LLMCall

from collector.rollup import RollUp
from collector.second_hand import settle
from store.connection import Store
from store.errors import StoreError
from store.sql import Query, parse

HOURS = parse("hours", "-- attempts of the hours\nSELECT sum(attempts) FROM call_hours FINAL")
MINUTES = parse(
    "minutes", "-- attempts by app\nSELECT app, sum(attempts) FROM call_minutes FINAL GROUP BY app ORDER BY app"
)
STORED = parse("stored", "-- rows and those superseded\nSELECT count(), sum(superseded) FROM llm_calls FINAL")
PRICED = parse("priced", "-- rows that count\nSELECT count() FROM priced_calls")

TRACE, SPAN, INNER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def hook(**changes: Any) -> LLMCall:
    return a_call(**{"app": "hook", "response_id": "resp-1", **changes})


def span(**changes: Any) -> LLMCall:
    """What comes without a producer, a little earlier than what the hook saw."""
    fields = {
        "app": "span",
        "producer_id": "",
        "seq": 0,
        "response_id": "resp-1",
        "started_at": AT - timedelta(seconds=1),
    }
    return a_call(**{**fields, **changes})


@pytest.fixture
def roll_up(store: Store) -> RollUp:
    give_prices(store)
    return RollUp(store)


def delivered(store: Store, *bodies: bytes) -> set[datetime]:
    """Inserts what the collector makes of these records; returns the minutes that they touch."""
    batch = batch_of(*bodies)
    store.insert_json("ingest", b"\n".join(line.json for line in batch.lines))
    return batch.minutes


def put(store: Store, roll_up: RollUp, *calls: LLMCall) -> None:
    """One delivery, and the roll-up after it."""
    roll_up.touch(delivered(store, *(call.to_json() for call in calls)))
    while roll_up.rebuild():
        pass


def counted(store: Store) -> dict[str, int]:
    found = {app: attempts for app, attempts in store.query(MINUTES).rows if attempts}
    assert store.query(HOURS).scalar() == sum(found.values()) == store.query(PRICED).scalar()
    return found


def test_what_comes_second_hand_alone_counts(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, span(), span(response_id="resp-2"), span(response_id=""), span(response_id=""))
    assert counted(store) == {"span": 4}


@pytest.mark.parametrize("order", list(permutations("hss")))
def test_the_hook_wins_in_every_order_of_arrival(store: Store, roll_up: RollUp, order: tuple[str, ...]) -> None:
    calls = {"h": hook(), "s": span()}
    for which in order:
        put(store, roll_up, calls[which])
    assert counted(store) == {"hook": 1}
    assert store.query(STORED).rows == [(2, 1)]


def test_the_minute_before_is_rebuilt_when_the_hook_comes_later(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, span(started_at=AT - timedelta(seconds=59)))
    assert counted(store) == {"span": 1}
    put(store, roll_up, hook(started_at=AT + timedelta(seconds=1)))
    assert counted(store) == {"hook": 1}


def test_a_stop_between_the_mark_and_the_roll_up_is_made_up_for(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, span(started_at=AT - timedelta(seconds=59)))
    settle(store, sorted(delivered(store, hook(started_at=AT + timedelta(seconds=1)).to_json())))
    restarted = RollUp(store)
    restarted.recover()
    while restarted.rebuild():
        pass
    assert counted(store) == {"hook": 1}


def test_retries_inside_one_span_supersede_it_though_they_have_no_response(store: Store, roll_up: RollUp) -> None:
    inside = {"trace_id": TRACE, "span_id": SPAN, "response_id": "", "status": "rate_limited"}
    put(store, roll_up, span(trace_id=TRACE, span_id=SPAN, response_id=""))
    put(store, roll_up, hook(**inside, is_final=False), hook(**inside, attempt=2))
    assert counted(store) == {"hook": 2}


def test_a_span_around_the_span_that_the_hook_was_in_is_superseded_too(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, span(trace_id=TRACE, span_id=SPAN, response_id=""))
    put(store, roll_up, hook(trace_id=TRACE, span_id=INNER, parent_span_id=SPAN, response_id=""))
    assert counted(store) == {"hook": 1}


def test_the_same_span_id_in_another_trace_is_another_span(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, span(trace_id=TRACE, span_id=SPAN, response_id=""))
    put(store, roll_up, hook(trace_id=TRACE[::-1], span_id=SPAN, response_id=""))
    assert counted(store) == {"hook": 1, "span": 1}


def test_calls_without_a_response_id_are_not_one_call(store: Store, roll_up: RollUp) -> None:
    put(store, roll_up, span(response_id=""), span(response_id=""), hook(response_id=""))
    assert counted(store) == {"hook": 1, "span": 2}


@pytest.mark.parametrize("first_delivered", ["early", "late"])
def test_of_two_tracers_the_earlier_one_stays(store: Store, roll_up: RollUp, first_delivered: str) -> None:
    early, late = span(app="early"), span(app="late", started_at=AT)
    for call in (early, late) if first_delivered == "early" else (late, early):
        put(store, roll_up, call)
    assert counted(store) == {"early": 1}
    put(store, roll_up, hook())
    assert counted(store) == {"hook": 1}


@pytest.mark.parametrize("first_delivered", ["outer", "inner"])
def test_of_two_tracers_the_one_that_tells_the_usage_stays(store: Store, roll_up: RollUp, first_delivered: str) -> None:
    outer = span(app="outer", usage_source="missing", input_tokens=None, output_tokens=None)
    inner = span(app="inner", started_at=outer.started_at + timedelta(milliseconds=50))
    for one in (outer, inner) if first_delivered == "outer" else (inner, outer):
        put(store, roll_up, one)
    assert counted(store) == {"inner": 1}


def test_two_tracers_two_minutes_apart_are_two_calls_however_they_are_delivered(store: Store, roll_up: RollUp) -> None:
    early, late = span(app="early"), span(app="late", started_at=AT + timedelta(minutes=2))
    put(store, roll_up, early, late)
    assert counted(store) == {"early": 1, "late": 1}


def test_a_hook_that_comes_later_reaches_back_ten_minutes(store: Store, roll_up: RollUp) -> None:
    for number, minutes in enumerate((10, 11)):
        put(store, roll_up, span(response_id=f"r{number}", started_at=AT - timedelta(minutes=minutes)))
        put(store, roll_up, hook(response_id=f"r{number}", started_at=AT))
    assert counted(store) == {"hook": 2, "span": 1}


def test_a_store_that_fails_after_a_call_was_marked_leaves_nothing_counted_twice(
    store: Store, roll_up: RollUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, roll_up, span(started_at=AT - timedelta(minutes=8)))
    roll_up.touch(delivered(store, hook(started_at=AT).to_json()))
    with monkeypatch.context() as broken:
        broken.setattr(roll_up, "_rebuild", failing)
        with pytest.raises(StoreError):
            roll_up.rebuild()
    roll_up.recover(timedelta())
    while roll_up.rebuild():
        pass
    assert counted(store) == {"hook": 1}


def failing(minutes: list[datetime]) -> None:
    raise StoreError("away")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_deliveries_of_the_same_calls_give_the_same_totals(store: Store, data: st.DataObject) -> None:
    """A law: totals are a function of the facts, not of when and how often they came."""
    calls = [
        (hook if data.draw(st.booleans()) else span)(
            app=f"app-{number}",
            response_id=data.draw(st.sampled_from(["", "a", "b"])),
            started_at=AT + timedelta(seconds=data.draw(st.integers(-150, 150))),
            usage_source=data.draw(st.sampled_from(["provider", "missing"])),
        )
        for number in range(data.draw(st.integers(1, 5)))
    ]
    found = []
    for deliveries in ([calls], [[call] for call in data.draw(st.permutations([*calls, *calls]))]):
        for table in ("llm_calls", "deliveries", "touched_minutes", "call_minutes", "call_hours", "loss_ledger"):
            store.execute(Query("empty", "", f"TRUNCATE TABLE {table}", {}))
        roll_up = RollUp(store)
        for delivery in deliveries:
            put(store, roll_up, *delivery)
        found.append(counted(store))
    assert found[0] == found[1]


def test_hits_of_a_cache_share_the_response_id_and_stay(store: Store, roll_up: RollUp) -> None:
    hits = [span(app="hit", cache_hit=True, started_at=AT + timedelta(seconds=n)) for n in (1, 2)]
    put(store, roll_up, span(), *hits)
    assert store.query(STORED).rows == [(3, 0)]
    put(store, roll_up, hook())
    assert store.query(STORED).rows == [(4, 1)]


def test_the_wire_cannot_say_that_a_call_is_superseded(store: Store, roll_up: RollUp) -> None:
    body = hook(sdk_version="0.0.0").to_json()[:-1] + b',"superseded":1}'
    delivered(store, body)
    assert store.query(STORED).rows == [(1, 0)]


def test_without_second_hand_calls_nothing_is_written(store: Store, roll_up: RollUp, monkeypatch: Any) -> None:
    executed = []
    execute = store.execute
    monkeypatch.setattr(
        store, "execute", lambda query, values=None: (executed.append(query.name), execute(query, values))
    )
    put(store, roll_up, hook())
    assert "supersede" not in executed
    put(store, roll_up, span())
    assert "supersede" in executed
