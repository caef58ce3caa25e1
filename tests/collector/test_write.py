from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import a_call
from tokentide.call import ProducerReport

from collector.record import Outcome
from collector.write import Stopped, Writer
from store.connection import Store
from store.errors import QueryError, StoreError, StoreUnavailable
from store.sql import parse

COUNTS = parse(
    "counts", "-- stored and refused\nSELECT (SELECT count() FROM llm_calls FINAL), count() FROM dead_letters FINAL"
)


def never(seconds: float) -> bool:
    return False


def counts(store: Store) -> tuple[Any, ...]:
    return store.query(COUNTS).rows[0]


def test_what_the_store_refuses_is_found_and_the_rest_is_stored(store: Store) -> None:
    twice = a_call().to_json()[:-1] + b',"price_key":1}'
    good = [a_call(seq=n).to_json() for n in range(5)]
    outcome = Writer(store, "kafka", uuid4().hex, never, lambda: 0.0).write(batch_of(*good[:2], twice, *good[2:]), NOW)
    assert (outcome.stored, [dead.record.body for dead in outcome.refused]) == (5, [twice])
    assert counts(store) == (5, 1)
    (row,) = store.query(parse("dead", "-- the dead letter\nSELECT reason, log_offset, body FROM dead_letters")).rows
    assert row == ("refused_by_store", 2, twice.decode())


def test_an_instant_may_have_a_small_t_and_z(store: Store) -> None:
    def small(body: bytes, name: str) -> bytes:
        fields = json.loads(body)
        return json.dumps({**fields, name: fields[name].lower()}).encode()

    call = small(a_call(attributes={"started_at": "T", "zone": "z"}, sdk_version="").to_json(), "started_at")
    report = small(ProducerReport(report_id="r", producer_id="p", reported_at=NOW, emitted=7).to_json(), "reported_at")
    outcome = Writer(store, "kafka", uuid4().hex, never, lambda: 0.0).write(batch_of(call, report), NOW)
    assert outcome == Outcome(2, [])
    (row,) = store.query(parse("stored", "-- calls\nSELECT started_at, attributes FROM llm_calls")).rows
    assert row == (a_call().started_at, {"started_at": "T", "zone": "z"})


def test_an_overloaded_store_makes_no_good_record_a_dead_letter(store: Store) -> None:
    store.execute(parse("limit", "-- a limit that no insert can keep\nSET max_memory_usage = 1000"))
    batch, waits = batch_of(*(a_call(seq=n).to_json() for n in range(3))), []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        store.execute(parse("limit", "-- none\nSET max_memory_usage = 0"))
        return False

    assert Writer(store, "kafka", uuid4().hex, wait, lambda: 0.5).write(batch, NOW) == Outcome(3, [])
    assert len(waits) == 1


def test_a_report_that_the_store_refuses_is_found_too(store: Store) -> None:
    report = ProducerReport(report_id="r", producer_id="p", reported_at=NOW, emitted=7).to_json()
    twice = report[:-1] + b',"received_at":"x"}'
    outcome = Writer(store, "kafka", uuid4().hex, never, lambda: 0.0).write(
        batch_of(report, twice, a_call().to_json()), NOW
    )
    assert (outcome.stored, [dead.record.body for dead in outcome.refused]) == (2, [twice])


def test_a_batch_that_is_delivered_twice_is_stored_once(store: Store) -> None:
    batch = batch_of(a_call().to_json(), b"nonsense")
    for _ in range(2):
        Writer(store, "kafka", uuid4().hex, never, lambda: 0.0).write(batch, NOW)
    assert counts(store) == (1, 1)


@pytest.mark.parametrize("trouble", [StoreUnavailable("away"), QueryError("the table is missing")])
def test_a_store_in_trouble_keeps_the_batch_and_backs_off(
    store: Store, monkeypatch: pytest.MonkeyPatch, trouble: StoreError
) -> None:
    waits: list[float] = []
    insert, failures = store.insert_json, iter([True, True, False])

    def sometimes(table: str, block: bytes, token: str) -> None:
        if next(failures):
            raise trouble
        insert(table, block, token)

    monkeypatch.setattr(store, "insert_json", sometimes)
    writer = Writer(store, "kafka", uuid4().hex, lambda s: bool(waits.append(s)), lambda: 0.5)
    assert writer.write(batch_of(a_call().to_json()), NOW) == Outcome(1, [])
    assert waits == [0.5, 1.0]


def test_a_block_that_was_stored_although_the_store_said_no_arrives_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, failures = store.insert_json, iter([True, False])

    def then_away(table: str, block: bytes, token: str) -> None:
        insert(table, block, token)
        if next(failures):
            raise StoreUnavailable("the answer was lost")

    monkeypatch.setattr(store, "insert_json", then_away)
    writer = Writer(store, "kafka", uuid4().hex, never, lambda: 0.5)
    writer.write(batch_of(a_call().to_json(), a_call().to_json()), NOW)
    arrived = parse(
        "arrived", "-- arrivals\nSELECT (SELECT count() FROM llm_calls), (SELECT sum(delivered) FROM deliveries)"
    )
    assert store.query(arrived).rows == [(2, 2)]


def test_a_stop_while_the_store_is_away_acknowledges_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(table: str, block: bytes, token: str) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "insert_json", away)
    with pytest.raises(Stopped):
        Writer(store, "kafka", uuid4().hex, lambda seconds: True, lambda: 0.5).write(batch_of(a_call().to_json()), NOW)


def test_every_column_arrives_as_it_was_sent(store: Store) -> None:
    call = a_call(
        prompt="p ☃", response="r", attributes={"a": "b"}, stream=True, reset_tokens_ms=6.5, remaining_tokens=-1
    )
    Writer(store, "kafka", uuid4().hex, never, lambda: 0.0).write(batch_of(call.to_json()), NOW)
    (row,) = store.query(parse("all", "-- a call\nSELECT * FROM llm_calls FINAL")).dicts()
    for name in ("duration_ms", "team", "attributes", "stream", "reset_tokens_ms", "remaining_tokens", "started_at"):
        assert row[name] == getattr(call, name), name
    texts = parse("texts", "-- texts\nSELECT toString(call_id), prompt, response FROM llm_texts FINAL")
    assert store.query(texts).rows == [(call.call_id, "p ☃", "r")]


def test_a_field_counts_only_under_its_exact_name(store: Store) -> None:
    """Under any other it is unknown, whatever it says: the checks of the known ones have not seen it."""
    shouted = a_call().to_json()[:-1] + b',"STATUS":"anything","PROVIDER_REPORTED_COST":"-1000","Input_Tokens":10}'
    outcome = Writer(store, "kafka", uuid4().hex, never, lambda: 0.0).write(batch_of(shouted), NOW)
    assert outcome == Outcome(1, [])
    stored = parse("stored", "-- one call\nSELECT status, provider_reported_cost, input_tokens FROM llm_calls")
    assert store.query(stored).rows == [("ok", None, 100)]


def test_calls_of_many_months_may_come_together(store: Store) -> None:
    calls = [a_call(started_at=NOW - timedelta(days=31 * months)) for months in range(120)]
    batch = batch_of(*(call.to_json() for call in calls), days=31 * 120)
    assert Writer(store, "kafka", uuid4().hex, never, lambda: 0.0).write(batch, NOW) == Outcome(120, [])
    assert counts(store) == (120, 0)


def test_the_log_says_what_is_wrong_with_the_store_and_nothing_of_a_row(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.execute(parse("limit", "-- one more\nALTER TABLE llm_texts ADD CONSTRAINT short CHECK length(prompt) < 5"))

    def wait(seconds: float) -> bool:
        store.execute(parse("limit", "-- none\nALTER TABLE llm_texts DROP CONSTRAINT short"))
        return False

    batch = batch_of(a_call(prompt="Anna has a secret").to_json())
    assert Writer(store, "kafka", uuid4().hex, wait, lambda: 0.0).write(batch, NOW) == Outcome(1, [])
    (line,) = caplog.messages
    assert "1 records kept" in line
    assert "refuses the statement: error 469 of ClickHouse" in line
    assert "Anna" not in caplog.text
