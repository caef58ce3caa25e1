"""Whose an event is when its token says so, and that nothing gets past it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from events import AT, a_call
from hypothesis import example, given
from hypothesis import strategies as st
from tokentide.call import ProducerReport
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.pinning import pinned
from collector.price_book.resolve import Resolver
from collector.record import Batch, Record

PINS = {"team": "search", "app": "shop"}


def decoded(record: bytes) -> Batch:
    decoder = Decoder(Resolver(), VERSION, 10_000_000, timedelta(days=30), timedelta(minutes=10))
    return decoder.decode([Record("http", 1, record)], AT)


@pytest.mark.parametrize("team", ["search", 'Ünï\n"\\'])
def test_an_event_is_the_tokens_whatever_it_says(team: str) -> None:
    record = a_call(team="rich", app="other", feature="f", attributes={"team": "x"}).to_json()
    result, differed = pinned(record, {"team": team, "app": "shop"})
    assert json.loads(result) == json.loads(record) | {"team": team, "app": "shop"}
    assert sorted(differed) == ["app", "team"]
    assert len(decoded(result).lines) == 1


@pytest.mark.parametrize(
    ("record", "differed"),
    [
        (b'{"team":"search","a":1}', ()),
        (b'{"a":1}', ()),
        (b'{"team":""}', ()),
        (b'{"team":"rich"}', ("team",)),
        (b'{"team":"search","team":"rich"}', ("team",)),
        (b'{"te\\u0061m":"rich"}', ("team",)),
        (b'{"team":null}', ("team",)),
        (b'{"team":["search"]}', ("team",)),
        (b' {"team":"rich"} ', ("team",)),
        (b'{"a\xff":1,"team":"rich"}', ("team",)),
    ],
)
def test_there_is_one_team_and_it_is_the_tokens(record: bytes, differed: tuple[str, ...]) -> None:
    result, found = pinned(record, {"team": "search"})
    assert (found, result.count(b"search"), b"rich" in result) == (differed, 1, False)
    assert json.loads(result)["team"] == "search"


def test_other_fields_keep_their_bytes() -> None:
    record = b'{"cost":0.10000000000000000001,"n":1e3,"t":"\\u00e9\\/", "team":"x"}'
    assert pinned(record, {"team": "y"})[0] == b'{"cost":0.10000000000000000001,"n":1e3,"t":"\\u00e9\\/","team":"y"}'


@pytest.mark.parametrize("record", [b"", b"nonsense", b"[1]", b"1", b'"team"', b'{"team":', b"\xff", b"null", b"[{}]"])
def test_what_is_no_object_is_left_to_the_decoder(record: bytes) -> None:
    assert pinned(record, PINS) == (record, ())
    assert len(decoded(record).dead_letters) == 1


def test_of_a_report_the_app_is_pinned_and_it_gets_no_team() -> None:
    report = ProducerReport(report_id="r", producer_id="p", reported_at=AT, emitted=1, app="other")
    result, differed = pinned(report.to_json(), PINS)
    assert json.loads(result) == json.loads(report.to_json()) | {"app": "shop"}
    assert differed == ("app",)
    assert len(decoded(result).reports) == 1
    assert pinned(report.to_json(), {"team": "search"}) == (report.to_json(), ())


CALL = a_call(team="rich", app="rich", sdk_version="older").to_json()


@given(st.lists(st.tuples(st.integers(0, len(CALL)), st.integers(0, 3), st.binary(max_size=3)), max_size=4))
@example([(0, 0, b"\x0b")])
@example([(len(CALL), 0, b" \x0c")])
@example([(1, 0, b'"\xff":1,')])
@example([(1, 0, b'"' + "\ud800".encode("utf-8", "surrogatepass") + b'":1,')])
def test_nothing_that_is_stored_is_another_teams(changes: list[tuple[int, int, bytes]]) -> None:
    record = CALL
    for at, length, inserted in changes:
        record = record[:at] + inserted + record[at + length :]
    batch = decoded(pinned(record, PINS)[0])
    for line in batch.lines:
        pairs = json.loads(line.json.decode("utf-8", "replace"), object_pairs_hook=list)
        assert sorted((name, value) for name, value in pairs if name in PINS) == sorted(PINS.items())


def test_what_is_nested_too_deeply_here_is_dead_for_a_reader_with_more_room_as_well() -> None:
    record = CALL[:-1] + b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert pinned(record, PINS) == (b"[" + record + b"]", ())


@pytest.mark.parametrize("depth", range(100, 1100, 50))
def test_an_event_that_is_nested_as_deeply_as_can_be_is_pinned_or_dead(depth: int) -> None:
    record = CALL[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"
    batch = decoded(pinned(record, PINS)[0])
    assert all(b'"team":"search"' in line.json for line in batch.lines)
    assert len(batch.lines) + len(batch.dead_letters) == 1
