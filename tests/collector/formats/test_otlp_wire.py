from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from otlp_requests import PROTOBUF, START_NS, a_chat, a_request, in_protobuf, otlp

from collector.formats.format import Unreadable

LARGE = 5 * 2**20
MANY = LARGE // 2


def wrapped(tag: int, inside: bytes) -> bytes:
    """A message of that tag around `inside`, whose length is written in four bytes."""
    size = len(inside)
    return bytes([tag, size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21]) + inside


def in_a_resource(fields: bytes) -> bytes:
    return wrapped(0x0A, wrapped(0x0A, fields))


def in_a_span(fields: bytes) -> bytes:
    return wrapped(0x0A, wrapped(0x12, wrapped(0x12, fields)))


def in_a_value(fields: bytes) -> bytes:
    return in_a_span(wrapped(0x4A, wrapped(0x12, fields)))


BOMBS = {
    "attributes": in_a_span(b"\x4a\0" * MANY),
    "attributes, with a number longer than it need be": in_a_span(b"\xca\0\0" * MANY),
    "events": in_a_span(b"\x5a\0" * MANY),
    "links": in_a_span(b"\x6a\0" * MANY),
    "attributes of an event": in_a_span(wrapped(0x5A, b"\x1a\0" * MANY)),
    "attributes of a link": in_a_span(wrapped(0x6A, b"\x22\0" * MANY)),
    "attributes of a resource": in_a_resource(b"\x0a\0" * MANY),
    "entities of a resource": in_a_resource(b"\x1a\0" * MANY),
    "names of an entity": in_a_resource(wrapped(0x1A, b"\x1a\0" * MANY)),
    "attributes of a scope": wrapped(0x0A, wrapped(0x12, wrapped(0x0A, b"\x1a\0" * MANY))),
    "values of a list": in_a_value(wrapped(0x2A, b"\x0a\0" * MANY)),
    "lists of a list": in_a_value(wrapped(0x2A, b"\x0a\x02\x2a\0" * MANY)),
    "pairs of a map": in_a_value(wrapped(0x32, b"\x0a\0" * MANY)),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_large_body_of_empty_parts_is_refused_before_they_are_read(bomb: bytes) -> None:
    with pytest.raises(Unreadable, match="leave out the empty ones, or send fewer spans at once"):
        otlp().read(bomb, PROTOBUF)


def test_a_large_body_of_all_that_spans_have_is_read() -> None:
    said = {"a": True, "numbers": [1] * 50, "vector": [0.1] * 50, "map": {"b": [{"c": 1}, ["d"]]}, "e": ""}
    body = in_protobuf(a_request(a_chat(said, events=[("exception", {"exception.type": "E"})]), resource={"a": 1}))
    count = LARGE // len(body)
    assert len(otlp().read(body * count, PROTOBUF)) == count
    with pytest.raises(Unreadable, match="no ExportTraceServiceRequest"):
        otlp().read((body * count)[:-1], PROTOBUF)


@pytest.mark.parametrize("small", [KeyValue(key="a", value=AnyValue(bool_value=True)), KeyValue(key="abc", value={})])
def test_small_attributes_are_no_empty_ones(small: KeyValue) -> None:
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=START_NS, attributes=[small] * (LARGE // 9))
    one = ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])
    assert otlp().read(ExportTraceServiceRequest(resource_spans=[one]).SerializeToString(), PROTOBUF) == []
