"""OpenTelemetry's own SDK and exporter, over HTTP into the real intake and the real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode
from otlp_requests import JSON, PROTOBUF, START_NS, a_chat, a_request, a_span, in_json, in_protobuf
from running_intake import serving
from running_pipeline import running_pipeline

from collector.config import CollectorConfig
from collector.sources.http import HttpIntake
from store.connection import Store
from store.sql import parse

CALLS = parse("calls", "-- every call\nSELECT * FROM llm_calls FINAL ORDER BY started_at")
TEXTS = parse("texts", "-- every text\nSELECT prompt, response FROM llm_texts FINAL")
DEAD = parse("dead", "-- dead letters\nSELECT reason, log_place, body FROM dead_letters FINAL")
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 96,
}


@pytest.fixture
def intake(store: Store) -> Iterator[httpx.Client]:
    """A client of an intake whose records are stored and rolled up."""
    config = CollectorConfig()
    source = HttpIntake(config)
    with running_pipeline(source, store) as roll_up, serving(source, config) as client:
        yield client
        while roll_up.rebuild():
            pass


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_an_app_with_opentelemetry_is_covered(intake: httpx.Client, store: Store, compression: Compression) -> None:
    exporter = OTLPSpanExporter(endpoint=f"{intake.base_url}/v1/traces", compression=compression)
    results = []
    export = exporter.export
    exporter.export = lambda spans: results.append(export(spans)) or results[-1]  # type: ignore[method-assign]
    app = TracerProvider(resource=Resource({"service.name": "shop", "deployment.environment.name": "production"}))
    app.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = app.get_tracer("shop.tracer")
    around = tracer.start_span("GET /cards", start_time=START_NS)
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "I am ann@example.com"}]}])
    call = tracer.start_span("chat gpt-5", kind=SpanKind.CLIENT, start_time=START_NS + 1_000_000)
    call.set_attributes({**CHAT, "gen_ai.input.messages": messages, "gen_ai.response.finish_reasons": ["stop"]})
    call.end(START_NS + 813_500_000)
    failed = tracer.start_span("chat gpt-5", kind=SpanKind.CLIENT, start_time=START_NS + 2_000_000)
    failed.set_attributes({**dict(list(CHAT.items())[:3]), "error.type": "RateLimitError"})
    failed.set_status(StatusCode.ERROR, "too many")
    failed.end(START_NS + 3_000_000)
    around.end(START_NS + 900_000_000)
    app.shutdown()
    assert results == [SpanExportResult.SUCCESS] * 3
    first, second = store.query(CALLS).dicts()
    assert (first["app"], first["environment"], first["status"], first["duration_ms"]) == (
        "shop",
        "production",
        "ok",
        812.5,
    )
    assert (first["input_tokens"], first["output_tokens"], first["finish_reason"]) == (100, 96, "stop")
    assert first["trace_id"] == f"{call.get_span_context().trace_id:032x}"
    assert first["price_key"] != 0
    assert (second["status"], second["usage_source"]) == ("rate_limited", "missing")
    assert {first["producer_id"], second["producer_id"], first["log_place"]} == {"", "otlp"}
    assert store.query(TEXTS).rows == [("I am [email]", "")]


@pytest.mark.parametrize(("encode", "kind"), [(in_json, JSON), (in_protobuf, PROTOBUF)])
def test_a_request_that_is_sent_again_counts_once(intake: httpx.Client, store: Store, encode: Any, kind: str) -> None:
    spans = [a_span({**CHAT}, spanId=f"{number:016x}") for number in (1, 2)]
    for _ in range(3):
        sent = a_request(*spans, a_span({}), a_chat({}, traceId="00" * 16), resource={"service.name": "shop"})
        answer = intake.post("/v1/traces", content=encode(sent), headers={"content-type": f"{kind}; charset=utf-8"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert b"problem" not in answer.content
    assert len(store.query(CALLS).rows) == 2
    ((reason, place, body),) = store.query(DEAD).rows
    assert (reason, place, json.loads(body)["span"]["name"]) == ("wrong_type", "otlp", "chat")


def test_a_request_that_is_none_is_refused(intake: httpx.Client) -> None:
    answer = intake.post("/v1/traces", content=b"nonsense", headers={"content-type": JSON})
    assert (answer.status_code, answer.json()["error"]) == (400, "the body is not JSON")
