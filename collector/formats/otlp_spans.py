"""The body of an OTLP request, in either encoding, as plain spans. Of a span only what an event is made of is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tokentide.hooks.document import items, number, text

from collector.formats import otlp_names as names
from collector.formats.format import Unreadable
from collector.formats.otlp_wire import check_cost

# By what they are, see otlp_names; parts of messages that are spread over attributes by their own names.
Attributes = dict[str, Any]
Pairs = Iterable[tuple[str, Any]]

_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")


class Event(NamedTuple):
    """Something that happened during a span."""

    name: str
    time_ns: int
    attributes: Attributes


class Span(NamedTuple):
    """One span. Its ids are hexadecimal; what is missing is empty or 0. `attributes` has those of the resource too."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    scope: str
    start_ns: int
    end_ns: int
    is_error: bool
    attributes: Attributes
    events: list[Event]


def from_protobuf(body: bytes, texts: bool) -> Iterator[Span]:
    """The spans of a request in protobuf; `texts`: with the messages. Raises Unreadable."""
    check_cost(body)
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise Unreadable("the body is no ExportTraceServiceRequest in protobuf") from error
    known = names.KNOWN_WITH_TEXTS if texts else names.KNOWN
    for resource in request.resource_spans:
        shared = _of_protobuf(resource.resource.attributes, names.KNOWN, False)
        for scope in resource.scope_spans:
            scope_name = scope.scope.name
            for span in scope.spans:
                yield Span(
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.name,
                    scope_name,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == 2,
                    shared | _of_protobuf(span.attributes, known, texts),
                    [
                        Event(e.name, e.time_unix_nano, _of_protobuf(e.attributes, names.KNOWN_OF_EVENTS, False))
                        for e in span.events
                        if e.name in names.EVENTS
                    ],
                )


def _of_protobuf(pairs: Iterable[Any], known: names.Known, spread: bool) -> Attributes:
    """Attributes by what they are; this loop sees every attribute of every span, so it does not call anything."""
    found: Attributes = {}
    ranks: dict[str, int] = {}
    for pair in pairs:
        key = pair.key
        place = known.get(key)
        if place is None:
            if spread and key.startswith(names.SPREAD):
                found[key] = _protobuf_value(pair.value)
            continue
        field, rank = place
        if rank < ranks.get(field, 99):
            value = _protobuf_value(pair.value)
            if value is not None and value != "":
                found[field] = value
                ranks[field] = rank
    return found


def _protobuf_value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or kind == "bytes_value":
        return None
    content = getattr(value, kind)
    if kind == "array_value":
        return [_protobuf_value(item) for item in content.values]
    if kind == "kvlist_value":
        return {pair.key: _protobuf_value(pair.value) for pair in content.values}
    return content


def from_json(body: bytes, texts: bool) -> Iterator[Span]:
    """The spans of a request in JSON; `texts`: with the messages. Raises Unreadable."""
    request = _parsed(body)
    if not isinstance(request, dict) or (request and not isinstance(request.get("resourceSpans"), list)):
        raise Unreadable("the body is no ExportTraceServiceRequest: it has no list resourceSpans")
    for resource in _objects(request.get("resourceSpans")):
        shared = _of_json(_object(resource.get("resource")).get("attributes"), names.KNOWN, False)
        for scope in _objects(resource.get("scopeSpans")):
            scope_name = text(_object(scope.get("scope")).get("name"))
            for span in items(scope.get("spans")):
                yield _span_of_json(_object(span), scope_name, shared, texts)


def _parsed(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A text that was cut in the middle of a character, as JavaScript does, is read with a mark in its place.
        try:
            lenient = json.loads(body.decode("utf-8", "replace"))
            return msgspec.json.decode(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise Unreadable("the body is not JSON") from error
    except RecursionError as error:
        raise Unreadable("the body is nested too deeply") from error


def _span_of_json(span: Mapping[str, Any], scope: str, shared: Attributes, texts: bool) -> Span:
    status = _object(span.get("status")).get("code")
    known = names.KNOWN_WITH_TEXTS if texts else names.KNOWN
    return Span(
        text(span.get("traceId")).lower(),
        text(span.get("spanId")).lower(),
        text(span.get("parentSpanId")).lower(),
        text(span.get("name")),
        scope,
        _integer(span.get("startTimeUnixNano")) or 0,
        _integer(span.get("endTimeUnixNano")) or 0,
        status in (2, "STATUS_CODE_ERROR"),
        shared | _of_json(span.get("attributes"), known, texts),
        [_event_of_json(e) for e in _objects(span.get("events")) if text(e.get("name")) in names.EVENTS],
    )


def _event_of_json(event: Mapping[str, Any]) -> Event:
    attributes = _of_json(event.get("attributes"), names.KNOWN_OF_EVENTS, False)
    return Event(event["name"], _integer(event.get("timeUnixNano")) or 0, attributes)


def _of_json(pairs: Any, known: names.Known, spread: bool) -> Attributes:
    """As `_of_protobuf`."""
    found: Attributes = {}
    ranks: dict[str, int] = {}
    for pair in _objects(pairs):
        key = text(pair.get("key"))
        value = _json_value(pair.get("value")) if key in known or (spread and key.startswith(names.SPREAD)) else None
        field, rank = known.get(key, (key, 0))
        if value is not None and value != "" and rank < ranks.get(field, 99):
            found[field] = value
            ranks[field] = rank
    return found


def _json_value(value: Any) -> Any:
    """What an AnyValue of JSON holds; a whole number may be written as a text, because JavaScript's are not exact."""
    for kind, content in _object(value).items():
        if kind == "stringValue":
            return text(content)
        if kind == "intValue":
            return _integer(content)
        if kind == "doubleValue":
            return number(content)
        if kind == "boolValue":
            return content is True
        if kind == "arrayValue":
            return [_json_value(item) for item in items(_object(content).get("values"))]
        if kind == "kvlistValue":
            pairs = _objects(_object(content).get("values"))
            return {text(pair.get("key")): _json_value(pair.get("value")) for pair in pairs}
    return None


def _integer(value: Any) -> int | None:
    """`value` as a whole number of at most 64 bits."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    return value if type(value) is int and -(2**63) <= value < 2**64 else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in items(value) if isinstance(item, dict))
