"""What becomes of a span: an event, nothing, or a dead letter; of users and texts only what may be kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from collector_batches import batch_of
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from otlp_requests import JSON, PROTOBUF, SPAN_ID, START_NS, a_chat, a_request, a_span, in_json, otlp, read
from tokentide.hooks.content import keyed_digest

from collector.formats import otlp_names as names
from collector.formats.format import Unreadable
from collector.record import DeadLetter, Outcome, Record

PARTS = '[{"role": "user", "parts": [{"type": "text", "content": "How do I top up?"}]}]'
ANSWER_PARTS = '[{"role": "assistant", "parts": [{"type": "text", "content": "In the app."}]}]'


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5"},
        {"gen_ai.operation.name": "execute_tool"},
        {"gen_ai.operation.name": "fetch_response", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5"},
        {"gen_ai.operation.name": 7},
        {"openinference.span.kind": "CHAIN"},
        {"openinference.span.kind": "UNKNOWN"},
        {"traceloop.span.kind": "workflow"},
        {"http.request.method": "POST", "server.address": "api.openai.com"},
        {},
    ],
)
def test_what_is_no_call_of_a_model_is_ignored(attributes: dict[str, Any]) -> None:
    assert read(a_span(attributes)) == []


MODEL = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5"}
TOKENS = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 96}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *[("gen_ai.operation.name", said) for said in ("invoke_agent", "invoke_workflow", "plan", "get_thread_run")],
        *[("openinference.span.kind", said) for said in ("AGENT", "CHAIN", "TOOL", "GUARDRAIL", "EVALUATOR")],
    ],
)
def test_what_repeats_the_tokens_of_the_calls_in_it_is_ignored(name: str, said: str) -> None:
    assert read(a_span({name: said, **MODEL, **TOKENS})) == []


@pytest.mark.parametrize(
    ("name", "said", "operation"),
    [
        ("gen_ai.operation.name", "transcription", "audio"),
        ("gen_ai.operation.name", "speech", "audio"),
        ("gen_ai.operation.name", "image_edit", "images"),
        ("gen_ai.operation.name", "image_generation", "images"),
        ("gen_ai.operation.name", "moderation", "moderations"),
        ("gen_ai.operation.name", "text_completion", "completions"),
        ("gen_ai.operation.name", "chat.streaming_completions", "chat"),
        ("llm.request.type", "embedding", "embeddings"),
        ("llm.request.type", "completion", "completions"),
        ("llm.request.type", "acompletion", "chat"),
        ("llm.request.type", "aresponses", "responses"),
        ("llm.request.type", "anthropic_messages", "messages"),
    ],
)
def test_names_of_operations_become_ours(name: str, said: str, operation: str) -> None:
    (event,) = read(a_span({name: said}))
    assert event["operation"] == operation


def test_an_operation_of_an_unknown_name_is_a_call_if_a_model_was_asked_and_tokens_were_counted() -> None:
    said = {"gen_ai.operation.name": "describe_video", **MODEL, **TOKENS}
    (event,) = read(a_span(said))
    assert (event["operation"], event["input_tokens"], event["output_tokens"]) == ("unknown", 100, 96)
    assert len(batch_of(json.dumps(event).encode()).lines) == 1
    for lacking in ("gen_ai.provider.name", "gen_ai.request.model"):
        assert read(a_span({name: value for name, value in said.items() if name != lacking})) == []
    assert read(a_span({**said, **dict.fromkeys(TOKENS, 0)})) == []


@pytest.mark.parametrize(
    ("error", "status", "http_status"),
    [
        ("RateLimitError", "rate_limited", None),
        ("openai.APITimeoutError", "timeout", None),
        ("429", "rate_limited", 429),
        ("500", "server_error", 500),
        ("404", "invalid_request", 404),
        ("AuthenticationError", "auth", None),
        ("anthropic.BadRequestError", "invalid_request", None),
        ("java.net.ConnectException", "network", None),
        ("ThrottlingException", "rate_limited", None),
        ("context_length_exceeded", "context_length", None),
        ("asyncio.exceptions.CancelledError", "cancelled", None),
        ("_OTHER", "unknown", None),
    ],
)
def test_errors_become_one_of_the_closed_statuses(error: str, status: str, http_status: int | None) -> None:
    (event,) = read(a_chat({"error.type": error}, status={"code": 2}))
    assert (event["status"], event["error_code"], event.get("http_status")) == (status, error, http_status)


def test_an_error_may_be_said_by_the_status_of_http_or_by_an_exception_or_not_at_all() -> None:
    (event,) = read(a_chat({"http.response.status_code": 429}, status={"code": 2}))
    assert (event["status"], event["http_status"]) == ("rate_limited", 429)
    raised = [("exception", {"exception.type": "openai.RateLimitError", "exception.message": "ann@example.com"})]
    (event,) = read(a_chat({}, status={"code": 2}, events=raised))
    assert (event["status"], event["error_code"]) == ("rate_limited", "openai.RateLimitError")
    (event,) = read(a_chat({}, status={"code": 2}))
    assert event["status"] == "unknown"
    (event,) = read(a_chat({"error.type": "it said: how do I top up?"}))
    assert (event["status"], "error_code" in event) == ("ok", False)


def test_who_called_comes_from_the_span_or_from_its_resource() -> None:
    resource = {"service.name": "shop", "deployment.environment": "staging", "team": "growth"}
    (event,) = read(a_chat({}), **resource)
    assert [event.get(field) for field in ("app", "environment", "team")] == ["shop", "staging", "growth"]
    said = {"tokentide.team": "search", "tokentide.feature": "help", "deployment.environment.name": "production"}
    (event,) = read(a_chat(said), **resource)
    assert [event.get(f) for f in ("team", "feature", "environment")] == ["search", "help", "production"]
    (event,) = read(a_chat({}), **{"service.name": "unknown_service:java"})
    assert "app" not in event


def test_a_user_is_never_stored_in_the_clear() -> None:
    for name in names.GUARDED["user"]:
        (event,) = read(a_chat({name: "ann@example.com"}), user_key="secret")
        assert event["user_hash"] == keyed_digest("ann@example.com", "secret")
        assert "ann" not in json.dumps(event)
        (event,) = read(a_chat({name: "ann@example.com"}))
        assert "ann" not in json.dumps(event)


def test_texts_are_kept_as_the_setting_allows() -> None:
    said = {
        "gen_ai.input.messages": PARTS.replace("How", "I am ann@example.com, how"),
        "gen_ai.output.messages": ANSWER_PARTS,
    }
    (event,) = read(a_chat(said), content="full")
    assert event["prompt"].startswith("I am ann@example.com")
    (event,) = read(a_chat(said), content="masked")
    assert event["prompt"].startswith("I am [email]")
    assert (event["content_policy"], event["response"], event["response_chars"]) == ("masked", "In the app.", 11)
    (event,) = read(a_chat(said), content="off")
    assert "how do I" not in json.dumps(event)
    assert not {"prompt", "response", "prompt_hash"} & event.keys()


def test_the_prompt_is_what_the_user_said_last() -> None:
    turns = [("user", "One."), ("assistant", "Two."), ("user", "Three."), ("user", "Four."), ("tool", "Five.")]
    written = json.dumps([{"role": role, "parts": [{"type": "text", "content": words}]} for role, words in turns])
    (event,) = read(a_chat({"gen_ai.input.messages": written}))
    assert event["prompt"] == "Three.\nFour."


def test_a_span_that_is_sent_again_is_the_same_call_and_another_span_is_not() -> None:
    first, again, other = (read(a_chat({}, spanId=span_id))[0] for span_id in (SPAN_ID, SPAN_ID, SPAN_ID[::-1]))
    assert first["call_id"] == again["call_id"] == again["operation_id"]
    assert first["call_id"] != other["call_id"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"traceId": ""}, "trace id"),
        ({"traceId": "0" * 32}, "trace id"),
        ({"spanId": "b7ad"}, "span id"),
        ({"startTimeUnixNano": "0"}, "start time"),
    ],
)
def test_a_span_without_ids_or_time_is_a_dead_letter_that_tells_no_secrets(
    changes: dict[str, Any], problem: str
) -> None:
    said = {"gen_ai.request.model": "gpt-5", "gen_ai.input.messages": PARTS, "user.id": "ann", "output.value": "top up"}
    (written,) = read(
        a_chat(said, **changes, events=[("gen_ai.user.message", {"content": "top up"})]), content="masked"
    )
    assert problem in written["problem"]
    assert written["span"]["attributes"] == {"operation": "chat", "model_requested": "gpt-5"}
    assert "top up" not in json.dumps(written)
    assert "ann" not in json.dumps(written)
    (dead,) = batch_of(json.dumps(written).encode()).dead_letters
    assert dead.reason == "wrong_type"


@pytest.mark.parametrize("content", ["full", "masked", "off"])
def test_a_dead_letter_has_the_hash_of_its_user_and_never_the_name(content: str) -> None:
    said = {"user.id": "ann@example.com", "llm.invocation_parameters": '{"user": "ann@example.com"}'}
    (written,) = read(a_chat(said, startTimeUnixNano="0"), content=content, user_key="secret")
    assert written["user_hash"] == keyed_digest("ann@example.com", "secret")
    assert "ann@" not in json.dumps(written)
    (written,) = read(a_chat(said, startTimeUnixNano="0"), content=content)
    assert "user_hash" not in written
    assert "ann@" not in json.dumps(written)


def test_a_clock_that_went_backwards_leaves_the_duration_unknown() -> None:
    (event,) = read(a_chat({}, endTimeUnixNano=str(START_NS - 1)))
    assert event["duration_ms"] == 0


def test_a_time_to_the_first_token_beyond_belief_is_unknown() -> None:
    (event,) = read(a_chat({"gen_ai.response.time_to_first_chunk": 1e14}))
    assert "time_to_first_token_ms" not in event


def resource_of(**fields: Any) -> bytes:
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(**fields)]).SerializeToString()


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"\xff\xff", PROTOBUF, "no ExportTraceServiceRequest"),
        (b"\n\0" * 2_000, PROTOBUF, "leave out the empty ones"),
        (resource_of(scope_spans=[ScopeSpans()] * 2_000), PROTOBUF, "leave out the empty ones"),
        (resource_of(scope_spans=[ScopeSpans(spans=[Span()] * 2_000)]), PROTOBUF, "leave out the empty ones"),
        (b"nonsense", JSON, "not JSON"),
        (b"[]", JSON, "no list resourceSpans"),
        (b'{"resourceSpans": 7}', JSON, "no list resourceSpans"),
        (b'{"resourceMetrics": []}', JSON, "no list resourceSpans"),
        (b"[" * 100_000, JSON, "nested too deeply"),
        (b"{}", "text/plain", "send application/x-protobuf or application/json"),
    ],
)
def test_a_body_that_is_no_otlp_is_refused(body: bytes, content_type: str, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        otlp().read(body, content_type)


def test_spans_with_nothing_but_ids_and_times_are_read_each_in_a_resource_of_its_own() -> None:
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=START_NS, end_time_unix_nano=START_NS)
    alone = resource_of(scope_spans=[ScopeSpans(spans=[span])])
    assert otlp().read(alone * 5_000, PROTOBUF) == []


def test_half_a_character_is_read_with_a_mark_in_its_place() -> None:
    body = in_json(a_request(a_chat({"gen_ai.completion": "PLACE"}))).replace(b"PLACE", b"So \\ud83d")
    (event,) = otlp().read(body, JSON)
    assert json.loads(event)["response"] == "So ?"


REFUSED = Outcome(1, [DeadLetter(Record("otlp", 1, b"{}"), "wrong_type", "no call_id")])


def test_the_answer_says_how_many_spans_were_refused() -> None:
    assert json.loads(otlp().answer(Outcome(3), JSON).body) == {}
    partial = json.loads(otlp().answer(REFUSED, JSON).body)["partialSuccess"]
    assert (partial["rejectedSpans"], "no call_id" in partial["errorMessage"]) == ("1", True)
    answer = otlp().answer(REFUSED, PROTOBUF)
    assert answer.media_type == PROTOBUF
    said = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (said.rejected_spans, "no call_id" in said.error_message) == (1, True)
    assert not ExportTraceServiceResponse.FromString(otlp().answer(Outcome(3), PROTOBUF).body).HasField(
        "partial_success"
    )
