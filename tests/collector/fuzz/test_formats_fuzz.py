"""Whatever a sender of another tool hands in is read or called unreadable, and what is read has exactly one fate."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_fate import TEXTS, VALUES, every_record_has_one_fate
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from repository import ROOT

from collector.config import CollectorConfig
from collector.formats import FORMATS, open_format, otlp_names
from collector.formats.format import Format, Unreadable
from store.connection import Store

PROTOBUF, JSON = "application/x-protobuf", "application/json"
UNHURRIED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
NAMES = st.sampled_from(sorted(otlp_names.KNOWN_WITH_TEXTS)) | st.sampled_from(sorted(otlp_names.KNOWN_OF_EVENTS))
WORDS = (
    TEXTS
    | st.sampled_from(
        ["chat", "embeddings", "openai", "gpt-5", "429", "timeout", "assistant", '{"id":"r","max_tokens":5}', "[{}]"]
    )
    | st.text(max_size=20)
)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
NANOSECONDS = st.sampled_from([0, 1, 1795175970123456789, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)


def formats(path: str) -> list[Format]:
    return [open_format(path, CollectorConfig(otlp_content=kept, litellm_content=kept)) for kept in ("off", "full")]


def check(store: Store, path: str, body: bytes, content_type: str) -> None:
    for form in formats(path):
        try:
            records = form.read(body, content_type)
        except Unreadable:
            continue
        if records:
            every_record_has_one_fate(store, records)


@pytest.mark.parametrize("path", FORMATS)
@UNHURRIED
@given(st.binary(max_size=80) | VALUES.map(lambda value: json.dumps(value).encode()), st.sampled_from([PROTOBUF, JSON]))
def test_any_body_is_read_or_unreadable(store: Store, path: str, body: bytes, content_type: str) -> None:
    check(store, path, body, content_type)


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value.encode("utf-8", "replace").decode())
    made = AnyValue()
    made.array_value.values.extend(map(any_value, value or ()))
    return made


PLAIN = st.booleans() | NUMBERS | st.floats() | WORDS | st.binary(max_size=5)
ATTRIBUTES = st.dictionaries(NAMES, PLAIN | st.lists(PLAIN, max_size=3), max_size=12)
IDS = st.sampled_from([(b"\1" * 16, b"\2" * 8), (b"", b""), (b"\0" * 16, b"\0" * 8)])


@UNHURRIED
@given(ATTRIBUTES, ATTRIBUTES, IDS, NANOSECONDS, NANOSECONDS, st.integers(0, 2))
def test_any_span_in_protobuf_is_read(
    store: Store, shared: Any, own: Any, ids: tuple[bytes, bytes], start: int, end: int, code: int
) -> None:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for name, value in shared.items():
        resource.resource.attributes.add(key=name, value=any_value(value))
    span = resource.scope_spans.add().spans.add(
        trace_id=ids[0], span_id=ids[1], start_time_unix_nano=start, end_time_unix_nano=end
    )
    span.status.code = code
    span.attributes.add(key="gen_ai.operation.name", value=any_value("chat"))
    for name, value in own.items():
        span.attributes.add(key=name, value=any_value(value))
    event = span.events.add(name=otlp_names.EXCEPTION, time_unix_nano=end)
    for name, value in shared.items():
        event.attributes.add(key=name, value=any_value(value))
    check(store, "/v1/traces", request.SerializeToString(), PROTOBUF)


KINDS = st.sampled_from(["stringValue", "intValue", "doubleValue", "boolValue", "arrayValue", "kvlistValue"])
SAID = st.dictionaries(KINDS, WORDS | VALUES | st.just({"values": [{"stringValue": "x"}, 5]}), max_size=2) | VALUES
PAIRS = st.lists(st.fixed_dictionaries({"key": NAMES, "value": SAID}) | VALUES, max_size=12)


@UNHURRIED
@given(PAIRS, PAIRS, VALUES | NANOSECONDS.map(str), VALUES | NANOSECONDS, VALUES)
def test_any_span_in_json_is_read(store: Store, shared: Any, own: Any, start: Any, end: Any, odd: Any) -> None:
    chat = {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}
    span = {"traceId": "01" * 16, "spanId": "02" * 8, "name": odd, "parentSpanId": odd, "status": {"code": odd}}
    span |= {"startTimeUnixNano": start, "endTimeUnixNano": end, "attributes": [chat, *own], "events": odd}
    resource = {"resource": {"attributes": shared}, "scopeSpans": [{"scope": odd, "spans": [span, odd]}, odd]}
    check(store, "/v1/traces", json.dumps({"resourceSpans": [resource, odd]}).encode(), JSON)


def test_the_corpus_of_otlp_is_rows_dead_letters_and_bodies_that_are_refused(store: Store) -> None:
    bodies = [path.read_bytes() for path in sorted((ROOT / "tests/collector/fuzz/otlp_corpus").iterdir())]
    for form in formats("/v1/traces"):
        events, refused = [], 0
        for body in bodies:
            for content_type in (PROTOBUF, JSON):
                try:
                    events += form.read(body, content_type)
                except Unreadable:
                    refused += 1
        every_record_has_one_fate(store, events)
        assert len(events) > 100
        assert refused > 100


KEYS = (
    "id", "request_id", "litellm_call_id", "call_type", "model", "startTime", "endTime", "completionStartTime", "status",
    "metadata", "end_user", "model_parameters", "messages", "response", "hidden_params", "error_information", "stream",
    "cache_hit", "custom_llm_provider", "api_base", "request_tags", "response_cost", "usage", "prompt_tokens",
    "completion_tokens", "total_tokens", "model_group", "trace_id", "session_id", "spend", "team_id",
)  # fmt: skip
INNER = (
    "usage", "choices", "message", "content", "additional_headers", "error_class", "error_code", "prompt_tokens",
    "completion_tokens", "prompt_tokens_details", "cached_tokens", "usage_object", "user", "user_api_key_team_alias",
    "x_ratelimit_limit_tokens", "requester_metadata", "max_tokens", "temperature", "role", "text",
)  # fmt: skip
DEEP = st.recursive(
    VALUES | WORDS | NUMBERS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(INNER), inner, max_size=4),
    max_leaves=8,
)


@UNHURRIED
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), DEEP, max_size=12), min_size=1, max_size=3), st.booleans())
def test_any_payload_of_litellm_is_read(store: Store, payloads: list[dict[str, Any]], plausible: bool) -> None:
    good = {"id": "a", "call_type": "acompletion", "model": "gpt-5", "startTime": 1795175970.5, "endTime": 1795175971}
    body = json.dumps([{**(good if plausible else {}), **payload} for payload in payloads]).encode()
    check(store, "/v1/litellm", body, JSON)
