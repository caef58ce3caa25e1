"""What cannot be stored is accounted for once, under the name of its producer, and never holds up its neighbours."""

from __future__ import annotations

from itertools import cycle

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import a_call
from tokentide.call import ProducerReport

from collector.record import DeadLetter
from collector.rollup import RollUp
from collector.write import Writer
from store.connection import Store
from store.errors import StoreUnavailable
from store.sql import parse

LEDGER = parse(
    "ledger", "-- One row = one producer.\nSELECT emitted, stored, dead_letters, missing FROM producer_ledger"
)


def refused_by_store(seq: int) -> bytes:
    return a_call(seq=seq).to_json()[:-1] + b',"price_key":1}'


def of_wrong_type(seq: int) -> bytes:
    return a_call(seq=seq).to_json()[:-1] + b',"status":"fine"}'


def write(store: Store, *bodies: bytes) -> list[DeadLetter]:
    batch = batch_of(*bodies)
    refused = Writer(store, "kafka", "writer", lambda seconds: False, lambda: 0.5).write(batch, NOW).refused
    roll_up = RollUp(store)
    roll_up.touch(batch.minutes)
    roll_up.rebuild()
    return list(refused)


def goodbye(emitted: int) -> bytes:
    report = ProducerReport(report_id="r", producer_id="producer-1", reported_at=NOW, emitted=emitted, closed=True)
    return report.to_json()


@pytest.mark.parametrize("body", [refused_by_store(2), of_wrong_type(2), a_call(seq=2, prompt="x" * 10_000).to_json()])
def test_a_dead_letter_belongs_to_its_producer_and_is_not_missing(store: Store, body: bytes) -> None:
    (dead,) = write(store, a_call(seq=1).to_json(), body, goodbye(2))
    assert (dead.producer_id, dead.seq) == ("producer-1", 2)
    assert store.query(LEDGER).rows == [(2, 1, 1, 0)]


@pytest.mark.parametrize("body", [refused_by_store(2), of_wrong_type(2)])
def test_a_dead_letter_that_its_producer_sends_again_hides_nothing_that_is_missing(store: Store, body: bytes) -> None:
    write(store, a_call(seq=1).to_json(), body, a_call(seq=3).to_json(), body, goodbye(4))
    assert store.query(LEDGER).rows == [(4, 2, 1, 1)]


def test_a_batch_with_bad_records_gets_on_while_most_inserts_fail(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, fates, taken = store.insert_json, cycle([False, True, True]), []

    def mostly_away(table: str, block: bytes, token: str = "") -> None:
        if next(fates):
            raise StoreUnavailable("away")
        insert(table, block, token)
        taken.append(token)

    monkeypatch.setattr(store, "insert_json", mostly_away)
    bad = [refused_by_store(seq) for seq in (10, 30)]
    bodies = [a_call(seq=seq).to_json() for seq in range(100, 140)]
    refused = write(store, *bodies[:10], bad[0], *bodies[10:30], bad[1], *bodies[30:])
    assert sorted(dead.record.body for dead in refused) == sorted(bad)
    assert len(taken) == len(set(taken)), "a block that was taken is not sent again"


@pytest.mark.parametrize(
    "body",
    [
        b'{"call_id":5,"producer_id":"\xff"}',
        a_call(sdk_version="9.0", extra={"@": 1}).to_json().replace(b"@", b"\xff"),
        a_call(sdk_version="9.0", extra={"mood": {"@": 1}}).to_json().replace(b'"mood"', b'"\xc3"'),
    ],
)
def test_bytes_that_are_no_text_do_not_stop_the_collector(body: bytes) -> None:
    batch = batch_of(a_call().to_json(), body, a_call().to_json())
    assert [dead.record.offset for dead in batch.dead_letters] == [1]
    assert len(batch.lines) == 2
