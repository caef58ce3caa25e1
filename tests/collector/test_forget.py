from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from collected_calls import collect
from conftest import NOW
from events import AT, a_call
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall
from tokentide.version import VERSION

from analyzers.drift_reference import Group, freeze
from collector.dead_letters import DeadLetters
from collector.decode import Decoder
from collector.forget import Key, forget, key_of, look, sweep
from collector.forgotten import ForgottenKeys
from collector.price_book.resolve import Resolver
from collector.record import DeadLetter, Record
from store.connection import Store
from store.sql import parse

USER, SESSION, MARK = "0123456789abcdef" * 2, "session-of-anna", "Annas Geheimnis"
NAMES = (USER, SESSION, MARK, "trace-of-anna", "span-of-anna", "parent-of-anna", "response-of-anna", "request-of-anna")


def of_anna(**changes: Any) -> LLMCall:
    fields: dict[str, Any] = {
        "user_hash": USER,
        "session_id": SESSION,
        "prompt": f"{MARK}\n  is this",
        "response": f"{MARK} answered",
        "prompt_hash": f"{MARK}",
        "attributes": {"note": MARK},
        "trace_id": "trace-of-anna",
        "span_id": "span-of-anna",
        "parent_span_id": "parent-of-anna",
        "response_id": "response-of-anna",
        "request_id": "request-of-anna",
        "sdk_version": "later",
        "extra": {"later_field": MARK},
    }
    return a_call(**{**fields, **changes})


def text_columns(store: Store) -> list[tuple[str, str]]:
    columns = parse(
        "columns",
        "-- columns that could hold a text\nSELECT table, columns.name FROM system.columns AS columns"
        " INNER JOIN system.tables AS tables ON tables.name = columns.table AND tables.database = columns.database"
        " WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree') AND default_kind != 'ALIAS'"
        " AND match(type, 'String|JSON|Dynamic')",
    )
    return store.query(columns).rows  # type: ignore[return-value]


def places_of(store: Store, names: tuple[str, ...]) -> set[str]:
    """Every column of every table, in any version of a row, that holds one of `names`."""
    found = set()
    for table, column in text_columns(store):
        holds = f"-- rows\nSELECT countIf(multiSearchAny(toString({column}), {list(names)})) FROM {table}"
        if store.query(parse("holds", holds)).scalar():
            found.add(f"{table}.{column}")
    return found


def left_by_many_hands(store: Store) -> None:
    """Anna's call beside another one, a later version of it, a dead letter, a reference and a finding that quote her."""
    collect(store, of_anna(), a_call(user_hash="someone", session_id="else", prompt="harmless", team="support"))
    again = of_anna(started_at=AT - timedelta(minutes=3))
    collect(store, again)
    collect(store, again)
    collect(store, of_anna(started_at=NOW + timedelta(days=2)))
    vectors = np.ones((2, 4), dtype=np.float32)
    freeze(store, Group("search", "shop", "prompt"), "embedder", vectors, [f"{MARK}\n  is this", "harmless"], NOW)
    note = f"drift: an estimated 40 % are new; for example “{MARK} is this”, where the nearest is “harmless”"
    store.insert(
        "measurements",
        ["analyzer", "metric", "window_start", "window_end", "value", "note"],
        [
            ("drift", "novel_share", NOW, NOW, 0.4, note),
            ("drift", "shift_sd", NOW, NOW, 0.1, "drift: the mix has moved"),
        ],
    )


def decoder(forgotten: ForgottenKeys | None = None) -> Decoder:
    return Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10), forgotten)


def test_the_account_stays_because_the_price_is_of_its_contract(store: Store) -> None:
    collect(store, of_anna(attributes={"note": MARK, "account": "ours"}))
    accounts = parse(
        "accounts", "-- One row = a call.\nSELECT account, attributes, payer_key != 0 FROM llm_calls FINAL"
    )
    forget(store, key_of("user", USER), USER, "salt", NOW + timedelta(hours=1))
    assert store.query(accounts).rows == [("ours", {"account": "ours"}, 1)]
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    late = of_anna(attributes={"note": MARK, "account": "ours"})
    body = forgotten.cleaned(Record(0, 0, late.to_json())).body
    assert MARK.encode() not in body
    assert json.loads(body)["attributes"] == {"account": "ours"}


@pytest.mark.parametrize(("kind", "value"), [("user", USER), ("session", SESSION)])
def test_nothing_is_left_anywhere_and_no_sum_changes(store: Store, kind: Any, value: str) -> None:
    left_by_many_hands(store)
    assert {
        "llm_calls.user_hash",
        "llm_texts.prompt",
        "dead_letters.body",
        "drift_references.texts",
        "measurements.note",
    } <= (places_of(store, NAMES))
    done = forget(store, key_of(kind, value), value, "salt", NOW + timedelta(hours=1))
    assert done.found == {"calls": 2, "texts": 2, "dead_letters": 1, "quotes": 1, "findings": 1}
    assert not any(done.left.values())
    assert done.unchanged
    assert [row["calls"] for row in done.after] == [2, 1]
    assert places_of(store, NAMES) == set()


def test_what_is_not_theirs_stays(store: Store) -> None:
    left_by_many_hands(store)
    forget(store, key_of("user", USER), USER, "salt", NOW)
    kept = parse(
        "kept",
        "-- what stays\nSELECT (SELECT groupArray(prompt) FROM llm_texts FINAL), (SELECT texts FROM drift_references),"
        " (SELECT count() FROM dead_letters FINAL), (SELECT groupArray(note) FROM (SELECT note FROM measurements FINAL ORDER BY metric)),"
        " (SELECT uniqExact(user_hash) FROM llm_calls FINAL)",
    )
    (row,) = store.query(kept).rows
    notes = ["drift: the texts that told of it were deleted", "drift: the mix has moved"]
    assert row == (["harmless"], ["", "harmless"], 1, notes, 2)


def test_looking_changes_nothing(store: Store) -> None:
    left_by_many_hands(store)
    before = places_of(store, NAMES)
    assert look(store, key_of("user", USER))["calls"] == 2
    assert places_of(store, NAMES) == before


def test_an_event_that_arrives_again_brings_no_text_back_and_counts_once(store: Store) -> None:
    call = of_anna()
    collect(store, call)
    forget(store, key_of("user", USER), USER, "salt", NOW)
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    record = forgotten.cleaned(Record("calls/0", 7, call.to_json()))
    batch = decoder(forgotten).decode([Record("calls/0", 7, call.to_json())], NOW)
    assert [line.record.body for line in batch.lines] == [record.body]
    collected = parse("attempts", "-- attempts\nSELECT count(), sum(input_tokens) FROM llm_calls FINAL")
    store.insert_json("ingest", b"\n".join(line.json for line in batch.lines))
    assert store.query(collected).rows == [(1, 100)]
    assert places_of(store, (USER, SESSION, MARK, "request-of-anna")) == set()


def test_dead_letters_of_the_forgotten_are_cleaned_as_they_come(store: Store) -> None:
    forget(store, key_of("session", SESSION), SESSION, "salt", NOW)
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    (dead,) = (
        decoder(forgotten)
        .decode([Record("calls/0", 1, of_anna(started_at=NOW + timedelta(days=2)).to_json())], NOW)
        .dead_letters
    )
    assert dead.reason == "future_timestamp"
    assert not any(name.encode() in dead.record.body for name in (USER, SESSION, MARK))


@pytest.mark.parametrize("blank", [b"\x0b", b"\x0c", b"\n"])
def test_no_blank_around_an_event_brings_a_text_of_the_forgotten_into_the_store(store: Store, blank: bytes) -> None:
    forget(store, key_of("user", USER), USER, "salt", NOW)
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    batch = decoder(forgotten).decode([Record("calls/0", 1, blank + of_anna().to_json() + blank)], NOW)
    assert len(batch.lines) + len(batch.dead_letters) == 1
    assert not any(MARK.encode() in line.json for line in batch.lines)


def test_a_name_that_is_no_text_keeps_no_text_of_the_forgotten(store: Store) -> None:
    forget(store, key_of("user", USER), USER, "salt", NOW)
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    body = b'{"\xff":1,' + of_anna(sdk_version=VERSION).to_json()[1:]
    batch = decoder(forgotten).decode([Record("calls/0", 1, body)], NOW)
    assert (len(batch.lines), batch.dead_letters) == (1, [])
    assert not any(name.encode() in batch.lines[0].json for name in (USER, MARK))


@pytest.mark.parametrize("wrong", [5, None, ["s"], {"a": 1}])
def test_a_wrong_name_of_the_session_keeps_no_text_of_the_user(store: Store, wrong: Any) -> None:
    forget(store, key_of("user", USER), USER, "salt", NOW)
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    body = json.dumps({**json.loads(of_anna().to_json()), "session_id": wrong}).encode()
    batch = decoder(forgotten).decode([Record("calls/0", 1, body)], NOW)
    (kept,) = (*(line.record.body for line in batch.lines), *(dead.record.body for dead in batch.dead_letters))
    assert not any(name.encode() in kept for name in (USER, MARK))


@pytest.mark.parametrize("other", [b"nobody", USER.encode()])
def test_a_name_that_is_said_twice_keeps_no_text_of_the_forgotten(store: Store, other: bytes) -> None:
    forget(store, key_of("user", USER), USER, "salt", NOW)
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    body = of_anna(sdk_version=VERSION, extra={}).to_json()[:-1] + b',"user_hash":"%s"}' % other
    batch = decoder(forgotten).decode([Record("calls/0", 1, body)], NOW)
    assert (len(batch.lines), batch.dead_letters) == (1, [])
    assert not any(name.encode() in batch.lines[0].json for name in (USER, MARK))


def test_a_cost_of_the_forgotten_in_another_currency_is_not_taken_for_dollars(store: Store) -> None:
    forget(store, key_of("user", USER), USER, "salt", NOW)
    forgotten = ForgottenKeys(store, lambda: NOW)
    forgotten.refresh()
    body = of_anna(provider_reported_cost=Decimal(3), extra={"currency": "EUR"}).to_json()
    batch = decoder(forgotten).decode([Record("calls/0", 1, body)], NOW)
    assert (batch.lines, [dead.reason for dead in batch.dead_letters]) == ([], ["wrong_type"])


def test_what_another_collector_stored_before_it_knew_is_swept(store: Store) -> None:
    forget(store, key_of("user", USER), USER, "salt", NOW)
    collect(store, of_anna())
    forgotten = ForgottenKeys(store, lambda: NOW + timedelta(minutes=1))
    forgotten.refresh()
    assert places_of(store, NAMES) == set()


def test_dead_letters_that_another_collector_kept_before_it_knew_are_swept(store: Store) -> None:
    forget(store, key_of("session", SESSION), SESSION, "salt", NOW)
    record = Record("calls/0", 1, of_anna(started_at=NOW + timedelta(days=2)).to_json())
    DeadLetters(store).keep([DeadLetter(record, "future_timestamp", "")], "kafka", NOW)
    ForgottenKeys(store, lambda: NOW + timedelta(minutes=1)).refresh()
    assert places_of(store, NAMES) == set()


def test_a_sweep_that_was_cut_off_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by_many_hands(store)
    execute, key = store.execute, key_of("user", USER)
    for stops_at in ("forget_findings", "forget_texts", "forget_calls"):
        with monkeypatch.context() as patched:

            def cut_off(query: Any, parameters: Any = None, last: str = stops_at) -> None:
                if query.name == last:
                    raise KeyboardInterrupt
                execute(query, parameters)

            patched.setattr(store, "execute", cut_off)
            with pytest.raises(KeyboardInterrupt):
                sweep(store, key, USER, "salt")
    sweep(store, key, USER, "salt")
    assert places_of(store, NAMES) == set()


def test_nobody_has_no_name() -> None:
    with pytest.raises(ValueError, match="name the one to forget"):
        key_of("user", "")


@given(user=st.text(), session=st.text(), body=st.binary())
def test_without_a_forgotten_name_a_record_stays_as_it_is(user: str, session: str, body: bytes) -> None:
    forgotten = ForgottenKeys(Store("chdb://never-opened"), lambda: NOW)
    forgotten._keys = frozenset({Key("user", "no digest is this")})
    for one in (body, a_call(user_hash=user, session_id=session, prompt="p").to_json()):
        record = Record("calls/0", 1, one)
        assert forgotten.cleaned(record) is record
