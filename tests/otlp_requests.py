"""Builders of OTLP requests for tests, in both encodings, and what the collector makes of them."""

from __future__ import annotations

import json
from typing import Any

from events import AT
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.config import CollectorConfig
from collector.formats.otlp import Otlp

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
START_NS = int(AT.timestamp() * 1_000_000) * 1_000
PROTOBUF, JSON = "application/x-protobuf", "application/json"


def a_span(attributes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A span in OTLP's JSON that took 812.5 ms; `events` are (name, attributes) pairs."""
    span = {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "chat",
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 812_500_000),
        "attributes": pairs(attributes),
        **changes,
    }
    if "events" in changes:
        span["events"] = [
            {"name": name, "timeUnixNano": str(START_NS + 250_000_000), "attributes": pairs(said)}
            for name, said in changes["events"]
        ]
    return span


def a_request(*spans: Any, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    """The request that hands in `spans`, in OTLP's JSON."""
    scope = {"scope": {"name": "some.tracer"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": pairs(resource or {})}, "scopeSpans": [scope]}]}


def in_json(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode()


def in_protobuf(request: dict[str, Any]) -> bytes:
    """The same request in the other encoding; only for values that protobuf can hold."""
    made = ExportTraceServiceRequest()
    for resource_spans in request["resourceSpans"]:
        of_resource = made.resource_spans.add()
        of_resource.resource.attributes.extend(map(_pair, resource_spans["resource"]["attributes"]))
        for scope_spans in resource_spans["scopeSpans"]:
            of_scope = of_resource.scope_spans.add()
            of_scope.scope.name = scope_spans["scope"]["name"]
            for said in scope_spans["spans"]:
                span = of_scope.spans.add(
                    trace_id=bytes.fromhex(said["traceId"]),
                    span_id=bytes.fromhex(said["spanId"]),
                    parent_span_id=bytes.fromhex(said.get("parentSpanId", "")),
                    name=said["name"],
                    start_time_unix_nano=int(said["startTimeUnixNano"]),
                    end_time_unix_nano=int(said["endTimeUnixNano"]),
                    attributes=map(_pair, said["attributes"]),
                )
                span.status.code = said.get("status", {}).get("code", 0)
                for event in said.get("events", ()):
                    span.events.add(
                        name=event["name"],
                        time_unix_nano=int(event["timeUnixNano"]),
                        attributes=map(_pair, event["attributes"]),
                    )
    return made.SerializeToString()


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]
    return {kind: str(value) if kind == "intValue" else value}


def _pair(pair: dict[str, Any]) -> KeyValue:
    return KeyValue(key=pair["key"], value=_protobuf_value(pair["value"]))


def _protobuf_value(value: dict[str, Any]) -> AnyValue:
    made = AnyValue()
    for kind, content in value.items():
        if kind == "arrayValue":
            made.array_value.values.extend(map(_protobuf_value, content["values"]))
        elif kind == "kvlistValue":
            made.kvlist_value.values.extend(map(_pair, content["values"]))
        elif kind == "intValue":
            made.int_value = int(content)
        else:
            setattr(made, {"boolValue": "bool_value", "doubleValue": "double_value"}.get(kind, "string_value"), content)
    return made


def otlp(content: str = "full", user_key: str = "") -> Otlp:
    return Otlp(CollectorConfig(otlp_content=content, user_key=user_key))


def read(*spans: Any, content: str = "full", user_key: str = "", **resource: Any) -> list[dict[str, Any]]:
    """The events of `spans`, which are the same in both encodings."""
    request, form = a_request(*spans, resource=resource), otlp(content, user_key)
    events = form.read(in_json(request), JSON)
    assert events == form.read(in_protobuf(request), PROTOBUF)
    return [json.loads(event) for event in events]


def a_chat(attributes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return a_span({"gen_ai.operation.name": "chat", **attributes}, **changes)
