"""Values that a record may hold where nobody expects them, and the law that every record has exactly one fate."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from conftest import NOW
from hypothesis import strategies as st
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.price_book.resolve import Resolver
from collector.record import Record
from collector.write import Writer
from store.connection import Store
from store.sql import parse

TEXTS = st.sampled_from(
    [
        "2026-11-20T17:29:30.9999999+05:30", "2026-11-20T11:29:30-00:30", "2026-11-20T11:59:59.99999951Z",
        "2026-11-20t11:59:30z", "2026-11-20 11:59:00.0000001Z", "2026-11-21T11:58:00+23:59", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9Z", "2026-11-20T11:59:60Z", "NaN", "-Infinity", "1e999", "1_0", "1E-30", "0x1", "\ud800",
        "missing", "estimated", "provider", "broken", "00000000000000000000000000000000", VERSION, "9.0",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)

ROWS = parse(
    "rows",
    "-- One row = one call that is stored, and its minute.\n"
    "SELECT call_id, toStartOfMinute(started_at) FROM llm_calls WHERE log_place = {place:String}",
)
places = itertools.count()


class Identified(msgspec.Struct):
    """What tells one call from another."""

    call_id: uuid.UUID


def told_to_stop(seconds: float) -> bool:
    return True  # the real store is there, so a writer that waits for it waits for a record that it will never take


def every_record_has_one_fate(store: Store, bodies: Sequence[bytes]) -> None:
    """Each of `bodies` is a row of the real store or a dead letter, and the roll-up looks at the minute of each row."""
    place = f"calls/{next(places)}"
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10))
    batch = decoder.decode([Record(place, offset, body) for offset, body in enumerate(bodies)], NOW)
    outcome = Writer(store, "kafka", place, told_to_stop, lambda: 0.5).write(batch, NOW)
    refused = {dead.record.offset for dead in outcome.refused}
    assert outcome.stored + len(refused) == len(outcome.refused) + outcome.stored == len(bodies)
    taken = [line.json for line in batch.lines if line.record.offset not in refused]
    rows = store.query(ROWS, {"place": place}).rows
    assert {call_id for call_id, _ in rows} == {msgspec.json.decode(line, type=Identified).call_id for line in taken}
    assert {minute for _, minute in rows} <= batch.minutes, "a minute that the roll-up would never look at"
