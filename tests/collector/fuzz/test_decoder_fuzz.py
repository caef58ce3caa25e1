"""Whatever arrives is a row of the real store or a dead letter: nothing stops the collector, nothing is neither."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW
from events import a_call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_fate import VALUES, every_record_has_one_fate
from repository import ROOT
from tokentide.call import FIELDS, ProducerReport
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.price_book.resolve import Resolver
from collector.record import Record
from store.connection import Store
from store.sql import parse

CORPUS = sorted((ROOT / "tests/collector/fuzz/corpus").iterdir())
REPORTS = parse("reports", "-- One row = how many reports there are.\nSELECT count() FROM producer_reports")
# What the collector adds to a record, and what a release after this one may.
STRANGE = (
    "price_key",
    "received_at",
    "log_place",
    "log_offset",
    "extra",
    "replaces",
    "report_id",
    "a.b",
    "",
    "\x00",
    "é",
)
NUMBERS = st.sampled_from(
    [b"1e400", b"-0", b"1.0", b"1e5", b"-1e-400", b"9" * 400, b"NaN", b"01", b'"\xff"', b"[" * 300]
)


@st.composite
def changed(draw: Callable[..., Any], whole: Callable[[], bytes], names: Sequence[str]) -> bytes:
    """A good record with other values, other fields, fewer fields, or other bytes."""
    record: dict[str, Any] = json.loads(whole())
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(names) | st.sampled_from(STRANGE))
        if draw(st.booleans()):
            record[name] = draw(VALUES)
        else:
            record.pop(name, None)
    body = json.dumps(record, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        name = draw(st.sampled_from(names)).encode()
        body = body[:-1] + b',"%b":%b}' % (name, draw(NUMBERS))
    if draw(st.booleans()):
        at, much = draw(st.integers(0, len(body))), draw(st.integers(0, 3))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at + much :]
    return body


def a_report() -> bytes:
    return ProducerReport(report_id="r", producer_id="p", reported_at=NOW, emitted=7, dropped={"overflow": 1}).to_json()


BODIES = (
    st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | changed(lambda: a_call().to_json(), FIELDS)
    | changed(lambda: a_call().to_json(), FIELDS)
    | changed(a_report, list(json.loads(a_report())))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(st.lists(BODIES, min_size=1, max_size=30))
def test_whatever_arrives_is_a_row_or_a_dead_letter(store: Store, bodies: list[bytes]) -> None:
    every_record_has_one_fate(store, bodies)


def test_the_corpus_is_rows_and_dead_letters(store: Store) -> None:
    for path in CORPUS:
        every_record_has_one_fate(store, [path.read_bytes()])
    assert len(CORPUS) > 20
    assert store.query(REPORTS).scalar() > 0


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name[:16])
def test_every_record_of_the_corpus_has_one_fate(path: Any) -> None:
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10))
    batch = decoder.decode([Record("calls/0", 0, path.read_bytes())], NOW)
    assert len(batch.lines) + len(batch.reports) + len(batch.dead_letters) == 1
