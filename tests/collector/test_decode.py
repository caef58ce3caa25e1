from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from conftest import NOW
from events import a_call
from hypothesis import given
from hypothesis import strategies as st
from tokentide import call as event
from tokentide.call import ProducerReport
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.formats.ndjson import Ndjson
from collector.formats.otlp import Otlp
from collector.price_book.resolve import Resolver
from collector.record import Batch, Record


def decode(*bodies: bytes, max_bytes: int = 10_000, place: str = "calls/0") -> Batch:
    decoder = Decoder(Resolver(), VERSION, max_bytes, timedelta(days=30), timedelta(minutes=10))
    return decoder.decode([Record(place, offset, body) for offset, body in enumerate(bodies)], NOW)


def reasons(batch: Batch) -> list[str]:
    return [dead.reason for dead in batch.dead_letters]


def with_field(name: str, value: object) -> bytes:
    return json.dumps({**json.loads(a_call().to_json()), name: value}).encode()


def test_the_bytes_of_a_record_travel_unchanged_in_front_of_the_collectors_fields() -> None:
    body = a_call(prompt='naïve ☃ \\ " \n', attributes={"k": "v"}).to_json()
    ((line, _),) = decode(body).lines
    assert line.startswith(body[:-1])
    added = json.loads(line)
    assert added["log_place"] == "calls/0"
    assert added["log_offset"] == 0
    assert added["price_key"] == Resolver().key("openai", "", "gpt-5", "", "")
    assert added["received_at"] == "2026-11-20T12:00:00.000Z"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (a_call(team="@").to_json().replace(b"@", b"\xff"), "malformed_json"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
        (b"{}", "wrong_type"),
        (with_field("call_id", "not-a-uuid"), "wrong_type"),
        (with_field("status", "fine"), "wrong_type"),
        (with_field("input_tokens", -1), "wrong_type"),
        (with_field("input_tokens", "many"), "wrong_type"),
        (with_field("input_tokens", 10**12 + 1), "wrong_type"),
        (with_field("output_image_tokens", 2**63 - 1), "wrong_type"),
        (with_field("provider_reported_cost", "-0.000000000001"), "wrong_type"),
        (with_field("provider_reported_cost", -5), "wrong_type"),
        (with_field("provider_reported_cost", "1000000000.01"), "wrong_type"),
        (with_field("provider_reported_cost", "1e400"), "wrong_type"),
        (with_field("provider_reported_cost", "NaN"), "wrong_type"),
        (with_field("provider_reported_cost", "-Infinity"), "wrong_type"),
        (with_field("duration_ms", -0.001), "wrong_type"),
        (with_field("duration_ms", 1e308), "wrong_type"),
        (with_field("time_to_first_token_ms", -1), "wrong_type"),
        (with_field("operation_ms", 1e15 + 1), "wrong_type"),
        (with_field("attempt", 70_000), "wrong_type"),
        (with_field("attributes", {"k": 1}), "wrong_type"),
        (with_field("started_at", "yesterday"), "wrong_type"),
        (with_field("started_at", "2026-11-20T11:59:30"), "wrong_type"),
        (a_call().to_json()[:-1] + b',"new":' + b"[" * 4000 + b"]" * 4000 + b"}", "malformed_json"),
        (b'{"call_id":' + b"[" * 4000 + b"]" * 4000 + b"}", "wrong_type"),
        (with_field("schema_version", 2), "unknown_schema_version"),
        (with_field("prompt", "x" * 10_000), "oversized"),
        (a_call(started_at=NOW + timedelta(minutes=11)).to_json(), "future_timestamp"),
        (a_call(started_at=NOW - timedelta(days=31)).to_json(), "ancient_timestamp"),
    ],
)
def test_a_bad_record_is_a_dead_letter_and_its_neighbours_are_not(body: bytes, reason: str) -> None:
    batch = decode(a_call().to_json(), body, a_call().to_json())
    assert reasons(batch) == [reason]
    assert batch.dead_letters[0].record.offset == 1
    assert [line.record.offset for line in batch.lines] == [0, 2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_tokens", event.MOST_TOKENS),
        ("provider_reported_cost", str(event.MOST_DOLLARS)),
        ("provider_reported_cost", "0"),
        ("provider_reported_cost", None),
        ("limit_tokens", 2**63 - 1),
        ("duration_ms", 1e15),
        ("retry_after_ms", -1.0),
    ],
)
def test_the_most_that_a_call_can_have_is_no_dead_letter(name: str, value: object) -> None:
    assert reasons(decode(with_field(name, value))) == []


def test_the_dead_letter_of_a_negative_cost_says_so_and_whose_it_is() -> None:
    (dead,) = decode(with_field("provider_reported_cost", "-5")).dead_letters
    assert dead.detail == "provider_reported_cost is -5: it must be from 0 to 1000000000 US dollars"
    assert (dead.producer_id, dead.seq) == ("producer-1", 1)


@pytest.mark.parametrize(
    ("said", "refused"), [({"currency": "EUR"}, 1), ({"currency": "usd"}, 0), ({"attributes": {"currency": "EUR"}}, 0)]
)
def test_a_cost_in_another_currency_is_never_taken_for_dollars(said: dict[str, object], refused: int) -> None:
    cost = json.loads(a_call(provider_reported_cost=Decimal(3)).to_json())
    assert len(decode(json.dumps(cost | said).encode()).dead_letters) == refused
    del cost["provider_reported_cost"]
    assert decode(json.dumps(cost | said).encode()).dead_letters == []


def test_no_spelling_of_the_name_hides_a_currency() -> None:
    body = with_field("provider_reported_cost", 3)[:-1] + rb',"curr\u0065ncy":"EUR"}'
    assert reasons(decode(body)) == ["wrong_type"]


def test_a_dead_letter_still_names_its_producer() -> None:
    (dead,) = decode(with_field("status", "fine")).dead_letters
    assert (dead.producer_id, dead.seq) == ("producer-1", 1)


def test_a_newer_schema_whose_fields_changed_type_is_named_as_such() -> None:
    record = {**json.loads(a_call().to_json()), "schema_version": 2, "attempt": "first"}
    assert reasons(decode(json.dumps(record).encode())) == ["unknown_schema_version"]


@pytest.mark.parametrize("name", ["price_key", "capacity", "received_at", "log_place", "log_offset", "extra"])
def test_a_field_of_the_collectors_own_is_refused_with_what_to_do(name: str) -> None:
    event = json.loads(with_field(name, None)) | {"sdk_version": "9.0"}
    (dead,) = decode(json.dumps(event).encode()).dead_letters
    assert (dead.reason, dead.detail) == (
        "wrong_type",
        f"{name}: the collector's own names, call the field something else",
    )


def test_what_is_wrong_with_a_span_is_said_by_its_format_and_by_no_record() -> None:
    body = b'{"problem":"the trace id is not 16 bytes","span":{}}'
    (dead,) = decode(body, place=Otlp.place).dead_letters
    assert (dead.reason, dead.detail) == ("wrong_type", "the trace id is not 16 bytes")
    for place in (Ndjson.place, "otlp/0"):
        (dead,) = decode(body, place=place).dead_letters
        assert (dead.reason, dead.detail) == ("wrong_type", "Object missing required field `call_id`")


def test_unknown_fields_of_another_release_survive_as_their_json_text() -> None:
    batch = decode(a_call(sdk_version="9.0", extra={"thinking": {"budget": [1, 2]}, "mood": "é"}).to_json())
    assert json.loads(batch.lines[0].json)["extra"] == {"thinking": '{"budget":[1,2]}', "mood": '"é"'}


def test_a_producers_report_goes_its_own_way() -> None:
    report = ProducerReport(report_id="r", producer_id="p", reported_at=NOW, emitted=7, dropped={"overflow": 2})
    batch = decode(report.to_json(), b'{"report_id":"r","emitted":-1}')
    assert len(batch.reports) == 1
    assert reasons(batch) == ["wrong_type"]


@pytest.mark.parametrize("blanks", [{"indent": 1}, {"separators": (" , ", " : ")}])
@pytest.mark.parametrize("brace", ["{", "{ ", "{\t", "{\r\n"])
def test_blanks_make_no_call_of_a_report(blanks: Mapping[str, Any], brace: str) -> None:
    report = ProducerReport(report_id="r", producer_id="p", reported_at=NOW, emitted=7, dropped={"overflow": 2})
    body = " " + json.dumps(json.loads(report.to_json()), **blanks).replace("{", brace, 1) + " \n"
    batch = decode(body.encode())
    assert (len(batch.reports), batch.dead_letters) == (1, [])
    assert json.loads(batch.reports[0].json)["emitted"] == 7


def test_the_touched_minutes_are_those_of_the_stored_records() -> None:
    batch = decode(a_call().to_json(), a_call(started_at=NOW + timedelta(days=1)).to_json())
    assert [minute.isoformat() for minute in batch.minutes] == ["2026-11-20T11:59:00+00:00"]


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_become_exactly_one_line_report_or_dead_letter(body: bytes) -> None:
    batch = decode(body)
    assert len(batch.lines) + len(batch.reports) + len(batch.dead_letters) == 1


@pytest.mark.parametrize("seq", [-1, 10**15 + 1, 2**63 - 1, 2**63, 10**30])
def test_a_number_that_the_ledger_cannot_hold_is_left_out_of_the_dead_letter(seq: int) -> None:
    (dead,) = decode(with_field("seq", seq)).dead_letters
    assert (dead.reason, dead.producer_id, dead.seq) == ("wrong_type", "producer-1", None)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("hook_errors", -1, "wrong_type"),
        ("emitted", 10**15 + 1, "wrong_type"),
        ("emitted", 2**63, "wrong_type"),
        ("dropped", {"overflow": 2**63 - 1}, "wrong_type"),
        ("schema_version", 2, "unknown_schema_version"),
    ],
)
def test_a_report_is_checked_as_a_call_is(name: str, value: object, reason: str) -> None:
    report = ProducerReport(report_id="r", producer_id="p", reported_at=NOW, emitted=7)
    assert reasons(decode(json.dumps({**json.loads(report.to_json()), name: value}).encode())) == [reason]


def test_a_minute_is_touched_in_utc_whatever_the_offset_of_the_record() -> None:
    (minute,) = decode(with_field("started_at", "2026-11-20T17:29:30.5+05:30")).minutes
    assert minute.isoformat() == "2026-11-20T11:59:00+00:00"


def test_a_fraction_that_is_rounded_up_to_a_minute_touches_both_minutes() -> None:
    minutes = decode(with_field("started_at", "2026-11-20T11:58:59.9999999Z")).minutes
    assert sorted(minute.minute for minute in minutes) == [58, 59]
