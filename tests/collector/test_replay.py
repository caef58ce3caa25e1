from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import NOW
from events import a_call
from tokentide.call import ProducerReport
from tokentide.version import VERSION

from collector.dead_letters import DeadLetters, Letter, Selection, letter_id
from collector.decode import Decoder
from collector.price_book.resolve import Resolver
from collector.record import DeadLetter, Record
from collector.replay import BEGINNING, Replay, Replayed
from collector.rollup import RollUp
from store.connection import Store
from store.errors import StoreUnavailable
from store.sql import parse

EVER = Selection(datetime(1970, 1, 1, tzinfo=timezone.utc))
LEDGER = parse(
    "ledger", "-- a producer\nSELECT emitted, stored, dead_letters, missing, last_seq, repeated FROM producer_ledger"
)
TOTALS = parse(
    "totals",
    "-- all totals\nSELECT (SELECT (count(), sum(input_tokens)) FROM llm_calls FINAL),"
    " (SELECT sum(attempts) FROM call_minutes FINAL), (SELECT sum(delivered) FROM deliveries),"
    " (SELECT count() FROM dead_letters FINAL)",
)


def a_replay(store: Store, max_bytes: int = 100_000, roll_up: RollUp | None = None) -> Replay:
    decoder = Decoder(Resolver(), VERSION, max_bytes, timedelta(days=30), timedelta(minutes=10))
    return Replay(store, decoder, (roll_up or RollUp(store)).touch)


def keep(store: Store, bodies: Iterable[bytes], producer_id: str = "producer-1") -> list[int]:
    """These as `oversized` letters, as if the limit had been too low; returns their ids."""
    dead = [
        DeadLetter(Record("calls/0", offset, body), "oversized", "too long", producer_id)
        for offset, body in enumerate(bodies)
    ]
    DeadLetters(store).keep(dead, "kafka", NOW)
    return [letter_id("kafka", one) for one in dead]


def all_batches(replay: Replay, now: datetime, limit: int = 1000, dry_run: bool = False) -> list[Replayed]:
    done, behind = [], BEGINNING
    while True:
        batch = replay.batch(EVER, now, behind, now, limit, dry_run)
        if batch.behind is None:
            return done
        done.append(batch)
        behind = batch.behind


def roll_up(store: Store) -> None:
    rebuilding = RollUp(store)
    rebuilding.recover()
    while rebuilding.rebuild():
        pass


def later(minutes: int = 1) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_what_can_be_read_now_is_stored_and_the_rest_stays_with_its_new_reason(store: Store) -> None:
    good = [a_call(seq=n).to_json() for n in range(3)]
    report = ProducerReport(report_id="r", producer_id="producer-1", reported_at=NOW, emitted=4).to_json()
    ids = keep(store, [*good, report, b"\xff\x00 no JSON"])
    rebuilding = RollUp(store)
    (done,) = all_batches(a_replay(store, roll_up=rebuilding), later())
    assert (done.stored, done.refused, rebuilding.rebuild()) == (4, {"malformed_json": 1}, 1)
    kept = DeadLetters(store).by_id(ids)
    assert [letter.replayed for letter in kept] == [True, True, True, True, False]
    assert (kept[-1].dead.reason, kept[-1].dead.record.body) == ("malformed_json", b"\xff\x00 no JSON")
    assert (kept[-1].received_at, kept[-1].decided_at) == (NOW, later())


def test_a_letter_is_counted_dead_and_then_stored_but_never_as_both(store: Store) -> None:
    keep(store, [a_call(seq=n).to_json() for n in (1, 2)])
    assert store.query(LEDGER).rows == [(0, 0, 2, 0, 0, 0)]
    all_batches(a_replay(store), later())
    roll_up(store)
    assert store.query(LEDGER).rows[0][:5] == (0, 2, 0, 0, 2)


def test_a_second_run_changes_no_total(store: Store) -> None:
    keep(store, [*(a_call(seq=n).to_json() for n in range(5)), b"nonsense"])
    all_batches(a_replay(store), later())
    roll_up(store)
    before = store.query(TOTALS).rows
    assert all_batches(a_replay(store), later(2)) == [Replayed(0, {"malformed_json": 1}, behind(store, later()))]
    roll_up(store)
    assert store.query(TOTALS).rows == before == [((5, 500), 5, 5, 1)]


def behind(store: Store, at: datetime) -> tuple[datetime, int]:
    (row,) = DeadLetters(store).newest(EVER, 10)
    return at, row["dead_letter_id"]


class CutOff(Exception):
    """As if the process ended here."""


@pytest.mark.parametrize("changed_meanwhile", [False, True])
def test_a_run_that_ends_between_the_two_writes_changes_no_total(
    store: Store, monkeypatch: pytest.MonkeyPatch, changed_meanwhile: bool
) -> None:
    keep(store, [*(a_call(seq=n).to_json() for n in range(5)), b"nonsense"])

    def end_here(letters: DeadLetters, settled: Sequence[Letter]) -> None:
        raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(DeadLetters, "settle", end_here)
        with pytest.raises(CutOff):
            all_batches(a_replay(store), later())
    if changed_meanwhile:
        keep(store, [a_call(seq=9).to_json()])
    assert sum(batch.stored for batch in all_batches(a_replay(store), later(2))) == 5 + changed_meanwhile
    roll_up(store)
    calls, attempts, delivered, letters = store.query(TOTALS).rows[0]
    assert (calls, attempts, letters) == (
        (5 + changed_meanwhile, 500 + 100 * changed_meanwhile),
        5 + changed_meanwhile,
        1,
    )
    # The same block is recognised; in another one the same calls arrive once more and are repeats.
    assert delivered == (11 if changed_meanwhile else 5)


def test_a_store_that_goes_away_loses_no_letter(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = keep(store, [a_call(seq=n).to_json() for n in range(4)])
    insert, left = store.insert_json, iter([True, False])

    def sometimes(table: str, block: bytes, token: str = "") -> Any:
        if not next(left, True):
            raise StoreUnavailable("away")
        return insert(table, block, token)

    with monkeypatch.context() as patch:
        patch.setattr(store, "insert_json", sometimes)
        with pytest.raises(StoreUnavailable):
            all_batches(a_replay(store), later(), limit=2)
    assert sum(letter.replayed for letter in DeadLetters(store).by_id(ids)) == 2
    assert sum(batch.stored for batch in all_batches(a_replay(store), later())) == 2


def test_calls_are_rolled_up_though_the_store_went_away_before_their_letters_were_settled(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, [a_call().to_json()])
    rebuilding = RollUp(store)

    def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "insert", away)
        with pytest.raises(StoreUnavailable):
            all_batches(a_replay(store, roll_up=rebuilding), later())
    rebuilding.rebuild()
    assert store.query(TOTALS).rows[0][:2] == ((1, 100), 1)


def test_a_dry_run_counts_and_writes_nothing(store: Store) -> None:
    keep(store, [*(a_call(seq=n).to_json() for n in range(5)), b"nonsense"])
    before = store.query(TOTALS).rows
    batches = all_batches(a_replay(store), later(), limit=2, dry_run=True)
    assert (len(batches), sum(batch.stored for batch in batches)) == (3, 5)
    assert [batch.refused for batch in batches if batch.refused] == [{"malformed_json": 1}]
    assert store.query(TOTALS).rows == before


def test_every_letter_is_tried_once_in_a_run_however_small_the_batches(store: Store) -> None:
    keep(store, [b"nonsense"] * 7)
    batches = all_batches(a_replay(store), later(), limit=2)
    assert sum(sum(batch.refused.values()) for batch in batches) == 7


def test_what_the_store_refuses_stays(store: Store) -> None:
    twice = a_call(seq=1).to_json()[:-1] + b',"price_key":1}'
    ids = keep(store, [a_call(seq=0).to_json(), twice])
    (done,) = all_batches(a_replay(store), later())
    assert (done.stored, done.refused) == (1, {"refused_by_store": 1})
    assert [letter.replayed for letter in DeadLetters(store).by_id(ids)] == [True, False]


def test_a_mended_letter_is_stored_with_the_new_bytes(store: Store) -> None:
    (bad,) = keep(store, [b"{"])
    (letter,) = DeadLetters(store).by_id([bad])
    against = a_replay(store).mended(letter, b"still bad", later())
    assert against is not None
    assert against.reason == "malformed_json"
    assert DeadLetters(store).by_id([bad]) == [letter]
    assert a_replay(store).mended(letter, a_call().to_json(), later()) is None
    assert store.query(TOTALS).rows[0][0] == (1, 100)
    assert DeadLetters(store).counts(EVER, 1) == []


def test_a_letter_whose_bytes_are_no_longer_kept_is_left_alone(store: Store) -> None:
    keep(store, [b""])
    assert all_batches(a_replay(store), later()) == []
    assert DeadLetters(store).counts(EVER, 1)[0]["total"] == 1
