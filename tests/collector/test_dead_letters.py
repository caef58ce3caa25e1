from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from conftest import NOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.dead_letters import DeadLetters, Letter, Selection, letter_id
from collector.record import DeadLetter, Record
from store.connection import Store
from store.migrate import migrations, split
from store.sql import Query

EVER = Selection(datetime(1970, 1, 1, tzinfo=timezone.utc))
BEGINNING = (EVER.since, 0)
LATER = NOW + timedelta(days=1)


def a_letter(offset: int = 0, body: bytes = b"nonsense", **changes: object) -> DeadLetter:
    return replace(DeadLetter(Record("calls/0", offset, body), "malformed_json", "not JSON"), **changes)  # type: ignore[arg-type]  # a test names fields freely


def waiting(letters: DeadLetters, selection: Selection = EVER, most_bytes: int = 10**9) -> list[Letter]:
    return letters.waiting(selection, LATER, BEGINNING, 100, most_bytes)


def run(store: Store, text: str) -> None:
    store.execute(Query("test", "", text, {}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(bodies=st.lists(st.binary(min_size=1), min_size=1, max_size=5), detail=st.text(st.characters(codec=None)))
def test_any_bytes_come_back_as_they_were(store: Store, bodies: list[bytes], detail: str) -> None:
    letters = DeadLetters(store)
    kept = [a_letter(offset, body, detail=detail) for offset, body in enumerate(bodies)]
    letters.keep(kept, "kafka", NOW)
    found = letters.by_id([letter_id("kafka", dead) for dead in kept])
    assert [letter.dead.record for letter in found] == [dead.record for dead in kept]


def test_a_record_that_is_delivered_again_is_one_letter(store: Store) -> None:
    letters = DeadLetters(store)
    for minute in range(3):
        letters.keep([a_letter(7)], "kafka", NOW + timedelta(minutes=minute))
    assert [row["total"] for row in letters.counts(EVER, 10)] == [1]
    assert len(letters.newest(EVER, 10)) == 1


def test_what_is_replayed_counts_no_longer_and_loses_its_text(store: Store) -> None:
    letters = DeadLetters(store)
    letters.keep([a_letter(0), a_letter(1)], "kafka", NOW)
    first, second = waiting(letters)
    letters.settle([first.stored(NOW), second.refused(a_letter(second.dead.record.offset, reason="wrong_type"), NOW)])
    assert [(row["reason"], row["letters"]) for row in letters.counts(EVER, 10)] == [("wrong_type", 1)]
    (kept,) = letters.by_id([first.letter_id])
    assert (kept.replayed, kept.dead.record.body, kept.dead.reason) == (True, b"", "malformed_json")


def test_a_letter_is_settled_be_the_clock_that_wrote_it_ahead(store: Store) -> None:
    letters = DeadLetters(store)
    letters.keep([a_letter()], "kafka", NOW)
    (letter,) = waiting(letters)
    letters.settle([letter.stored(NOW - timedelta(hours=1))])
    assert letters.counts(EVER, 10) == []


def test_letters_are_chosen_by_time_reason_source_and_id(store: Store) -> None:
    letters = DeadLetters(store)
    letters.keep([a_letter(0), a_letter(1, reason="oversized")], "kafka", NOW)
    letters.keep([a_letter(2)], "http", NOW + timedelta(hours=1))

    def offsets(**chosen: object) -> list[int]:
        found = waiting(letters, replace(EVER, **chosen))  # type: ignore[arg-type]  # a test names fields freely
        return sorted(letter.dead.record.offset for letter in found)

    assert offsets() == [0, 1, 2]
    assert offsets(since=NOW + timedelta(minutes=1)) == [2]
    assert offsets(reason="oversized") == [1]
    assert offsets(source="http") == [2]
    assert offsets(ids=[letter_id("kafka", a_letter(1))]) == [1]


def test_few_large_letters_are_read_at_once_but_always_one(store: Store) -> None:
    letters = DeadLetters(store)
    letters.keep([a_letter(offset, b"x" * 100) for offset in range(5)], "kafka", NOW)
    assert [len(waiting(letters, most_bytes=most)) for most in (1, 100, 250, 1000)] == [1, 1, 2, 5]


def test_the_app_is_what_the_record_says_or_what_its_producer_said(store: Store) -> None:
    store.insert("producer_reports", ["producer_id", "reported_at", "app"], [("p", NOW, "shop")])
    bodies = [b'{"app":"cart","seq":"x"}', b"\xff", b'{"seq":1}']
    DeadLetters(store).keep([a_letter(n, b, producer_id="p") for n, b in enumerate(bodies)], "kafka", NOW)
    found = {row["app"]: row["letters"] for row in DeadLetters(store).counts(EVER, 10)}
    assert found == {"cart": 1, "shop": 2}


def old_letters(store: Store) -> None:
    for migration in migrations()[: names().index("0009_dead_letters")]:
        for statement in split(migration.text):
            run(store, statement)
    run(
        store,
        "INSERT INTO dead_letters (dead_letter_id, received_at, reason, producer_id, seq, body) VALUES"
        " (1, '2026-10-01 00:00:00', 'wrong_type', 'p', 4, '{\"app\":\"shop\"}'), (2, '2026-11-01 00:00:00', 'oversized', '', NULL, 'x')",
    )


def names() -> list[str]:
    return [migration.name for migration in migrations()]


@pytest.mark.parametrize("cut_off_after", range(6))
def test_older_letters_move_to_the_new_table_be_the_move_cut_off_anywhere(
    empty_store: Store, cut_off_after: int
) -> None:
    old_letters(empty_store)
    statements = split(migrations()[names().index("0009_dead_letters")].text)
    assert len(statements) == 5
    for statement in [*statements[:cut_off_after], *statements]:
        run(empty_store, statement)
    found = DeadLetters(empty_store).by_id([1, 2])
    assert [(letter.dead.reason, letter.app, letter.dead.seq, letter.dead.record.body) for letter in found] == [
        ("wrong_type", "shop", 4, b'{"app":"shop"}'),
        ("oversized", "", None, b"x"),
    ]
    assert [letter.decided_at for letter in found] == [letter.received_at for letter in found]
