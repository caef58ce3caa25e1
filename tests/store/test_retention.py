"""Facts and texts expire, totals do not: by the engine's own clock, so these calls start relative to now."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from events import a_call
from given_prices import give_prices
from tokentide.call import LLMCall
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.price_book.resolve import Resolver
from collector.record import Record
from collector.rollup import RollUp
from collector.write import Writer
from store.config import StoreConfig
from store.connection import Store
from store.retention import apply_retention, kept_since
from store.sql import parse

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)


def days_ago(days: float, **changes: Any) -> LLMCall:
    return a_call(started_at=NOW - timedelta(days=days), prompt="p", response="r", **changes)


def collect(store: Store, *calls: LLMCall) -> None:
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=400), timedelta(minutes=10))
    batch = decoder.decode([Record("calls/0", n, call.to_json()) for n, call in enumerate(calls)], NOW)
    Writer(store, "kafka", uuid4().hex, lambda seconds: False, lambda: 0.0).write(batch, NOW)
    roll_up = RollUp(store)
    roll_up.touch(batch.minutes)
    while roll_up.rebuild():
        pass


def expire(store: Store) -> None:
    for table in ("llm_calls", "llm_texts", "dead_letters", "drift_references", "measurements"):
        store.execute(parse("expire", f"-- expire\nALTER TABLE {table} MATERIALIZE TTL SETTINGS mutations_sync = 2"))
        store.execute(parse("merge", f"-- merge\nOPTIMIZE TABLE {table} FINAL"))


def count(store: Store, table: str) -> int:
    found: int = store.query(parse("count", f"-- rows\nSELECT count() FROM {table}")).scalar()
    return found


def totals(store: Store) -> list[tuple[Any, ...]]:
    sums = "sum(attempts), sum(input_tokens), sum(output_tokens), sum(cost), sum(cost) > 0"
    of = " UNION ALL ".join(f"SELECT {sums} FROM {table} FINAL" for table in ("call_minutes", "call_hours"))
    ledger = "SELECT sum(stored), 0, 0, 0, true FROM loss_ledger FINAL"
    return sorted(store.query(parse("totals", f"-- totals\n{of} UNION ALL {ledger}")).rows)


@pytest.fixture
def old_and_new(store: Store) -> Store:
    give_prices(store)
    collect(store, days_ago(1), days_ago(20), days_ago(20.001), days_ago(40))
    return store


def test_facts_and_texts_expire_apart_and_totals_stay(old_and_new: Store) -> None:
    before = totals(old_and_new)
    apply_retention(old_and_new, 30, 10, NOW)
    expire(old_and_new)
    assert (count(old_and_new, "llm_calls"), count(old_and_new, "llm_texts")) == (3, 1)
    assert totals(old_and_new) == before


def test_a_minute_whose_facts_have_expired_is_never_rolled_up_again(
    old_and_new: Store, caplog: pytest.LogCaptureFixture
) -> None:
    before = totals(old_and_new)
    apply_retention(old_and_new, 10, 10, NOW)
    expire(old_and_new)
    roll_up = RollUp(old_and_new)
    roll_up.touch({(NOW - timedelta(days=days)).replace(second=0, microsecond=0) for days in (1, 20, 40)})
    assert roll_up.rebuild() == 3
    assert totals(old_and_new) == before
    assert "2 minutes before" in caplog.text


def test_the_bound_stays_where_it_was_when_facts_are_kept_longer_again(old_and_new: Store) -> None:
    before = totals(old_and_new)
    apply_retention(old_and_new, 10, 10, NOW)
    expire(old_and_new)
    apply_retention(old_and_new, 0, 0, NOW)
    assert timedelta(0) <= NOW - kept_since(old_and_new) - 11 * DAY < timedelta(seconds=2)
    collect(old_and_new, days_ago(20))
    assert totals(old_and_new) == before, "a late event of an expired minute must not replace its total"


def test_nothing_is_changed_twice_and_for_ever_is_for_ever(store: Store) -> None:
    assert apply_retention(store, 0, 0, NOW) == []
    assert len(apply_retention(store, 30, 20, NOW)) == 5
    assert apply_retention(store, 30, 20, NOW) == []
    assert apply_retention(store, 40, 20, NOW) == ["llm_calls"]
    apply_retention(store, 0, 0, NOW)
    assert apply_retention(store, 0, 0, NOW) == []
    collect(store, days_ago(399))
    expire(store)
    assert (count(store, "llm_calls"), count(store, "llm_texts")) == (1, 1)


def test_every_copy_of_a_text_expires_and_what_is_counted_stays(store: Store) -> None:
    at = NOW - 30 * DAY
    store.insert(
        "dead_letters", ["dead_letter_id", "received_at", "reason", "detail", "body"], [(1, at, "x", "d", "b")]
    )
    store.insert(
        "drift_references", ["team", "frozen_at", "samples", "vectors", "texts"], [("t", at, 1, "v", ["said"])]
    )
    store.insert(
        "measurements", ["metric", "window_start", "window_end", "value", "note"], [("m", at, at, 1.5, "said")]
    )
    apply_retention(store, 60, 10, NOW)
    expire(store)
    rest = parse(
        "rest",
        "-- what is left\nSELECT (SELECT (reason, body, detail) FROM dead_letters), (SELECT (vectors, texts) FROM drift_references),"
        " (SELECT (value, note) FROM measurements)",
    )
    assert store.query(rest).rows == [(("x", "", ""), ("v", []), (1.5, ""))]


@pytest.mark.parametrize(
    ("calls", "texts", "valid"), [(0, 0, True), (0, 90, True), (90, 90, True), (30, 90, False), (30, 0, False)]
)
def test_texts_are_not_kept_longer_than_what_tells_whose_they_are(calls: int, texts: int, valid: bool) -> None:
    if valid:
        StoreConfig(keep_calls_days=calls, keep_texts_days=texts)
    else:
        with pytest.raises(ValueError, match="texts cannot be kept longer than calls: lower keep_texts_days"):
            StoreConfig(keep_calls_days=calls, keep_texts_days=texts)
