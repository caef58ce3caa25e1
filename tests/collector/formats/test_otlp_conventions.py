"""Whichever convention names the attributes of a span, it is the same event, in both encodings alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from collector_batches import batch_of
from otlp_requests import SPAN_ID, TRACE_ID, a_span, read
from repository import ROOT

from collector.formats import otlp_names as names

USER = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "How do I top up?"}]
PARTS = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "How do I top up?"}]}])
ANSWER_PARTS = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "In the app."}]}])
GPT = {"operation": "chat", "provider": "openai", "model_requested": "gpt-5", "status": "ok"}
TEXTS = {"prompt": "How do I top up?", "response": "In the app."}
COUNTS = {"input_tokens": 100, "output_tokens": 96, "usage_source": "provider"}

CONVENTIONS: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any]]], dict[str, Any]]] = {
    "1.36 with events": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "az.ai.openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.response.model": "gpt-5-2025-08-07",
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.finish_reasons": ["stop", "length"],
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 96,
            "gen_ai.openai.response.service_tier": "flex",
            "server.address": "shop.openai.azure.com",
            "server.port": 443,
        },
        [
            ("gen_ai.system.message", {"content": "Be kind."}),
            ("gen_ai.user.message", {"gen_ai.event.content": json.dumps(USER[1])}),
            ("gen_ai.choice", {"index": 0, "message": json.dumps({"role": "assistant", "content": "In the app."})}),
        ],
        {
            **(GPT | {"provider": "azure"} | COUNTS | TEXTS),
            "model_responded": "gpt-5-2025-08-07",
            "response_id": "chatcmpl-1",
            "finish_reason": "stop",
            "service_tier": "flex",
            "host": "shop.openai.azure.com",
        },
    ),
    "before 1.28, texts in two events": (
        {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-5", "gen_ai.operation.name": "text_completion"},
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(USER)}),
            ("gen_ai.content.completion", {"gen_ai.completion": "In the app."}),
        ],
        {**GPT, **TEXTS, "operation": "completions"},
    ),
    "1.41": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 800,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 96,
            "gen_ai.usage.cache_read.input_tokens": 64,
            "gen_ai.usage.cache_creation.input_tokens": 16,
            "gen_ai.conversation.id": "conversation-1",
            "gen_ai.input.messages": PARTS,
            "gen_ai.output.messages": ANSWER_PARTS,
            "server.address": "127.0.0.1",
            "server.port": 8443,
        },
        [],
        {
            **(COUNTS | TEXTS),
            "provider": "anthropic",
            "model_requested": "claude-sonnet-4-5",
            "temperature": 0.5,
            "max_tokens": 800,
            "cache_read_tokens": 64,
            "cache_write_5m_tokens": 16,
            "session_id": "conversation-1",
            "host": "127.0.0.1:8443",
        },
    ),
    "today's, texts in an event": (
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": "gcp.gemini",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.request.stream": True,
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.prompt.name": "help",
            "gen_ai.prompt.version": "3",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 96,
            "gen_ai.usage.cache_write.input_tokens": 8,
            "gen_ai.usage.reasoning.output_tokens": 90,
            "gen_ai.usage.audio.input_tokens": 10,
            "gen_ai.usage.image.output_tokens": 5,
        },
        [
            (
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": json.loads(PARTS), "gen_ai.output.messages": json.loads(ANSWER_PARTS)},
            )
        ],
        {
            **(COUNTS | TEXTS),
            "operation": "generate_content",
            "provider": "gemini",
            "stream": True,
            "time_to_first_token_ms": 250.0,
            "prompt_name": "help",
            "prompt_version": "3",
            "cache_write_5m_tokens": 8,
            "reasoning_tokens": 90,
            "input_audio_tokens": 10,
            "output_image_tokens": 5,
        },
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "openai",
            "llm.system": "openai",
            "llm.model_name": "gpt-5",
            "llm.invocation_parameters": '{"temperature": 0.5, "max_completion_tokens": 800, "stream": true}',
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 96,
            "llm.token_count.total": 196,
            "llm.token_count.prompt_details.cache_read": 64,
            "llm.token_count.completion_details.reasoning": 32,
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "Be kind.",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.contents.0.message_content.type": "text",
            "llm.input_messages.1.message.contents.0.message_content.text": "How do I top up?",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "In the app.",
            "output.value": '{"id": "chatcmpl-2", "choices": []}',
            "session.id": "session-1",
        },
        [("First Token Stream Event", {})],
        {
            **(GPT | COUNTS | TEXTS),
            "temperature": 0.5,
            "max_tokens": 800,
            "stream": True,
            "time_to_first_token_ms": 250.0,
            "cache_read_tokens": 64,
            "reasoning_tokens": 32,
            "response_id": "chatcmpl-2",
            "session_id": "session-1",
        },
    ),
    "OpenInference, embeddings": (
        {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "small", "llm.token_count.total": 7},
        [],
        {"operation": "embeddings", "model_requested": "small", **COUNTS, "input_tokens": 7, "output_tokens": 0},
    ),
    "OpenLLMetry": (
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.openai.api_base": "http://127.0.0.1:9000/v1/",
            "llm.is_streaming": True,
            "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 96,
            "llm.usage.total_tokens": 196,
            "gen_ai.usage.cache_read_input_tokens": 64,
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "How do I top up?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "In the app.",
            "gen_ai.completion.0.finish_reason": "stop",
            "traceloop.workflow.name": "help",
        },
        [],
        {
            **(GPT | COUNTS | TEXTS),
            "host": "127.0.0.1:9000",
            "stream": True,
            "cache_read_tokens": 64,
            "finish_reason": "stop",
            "feature": "help",
        },
    ),
    "AI SDK for TypeScript": (
        {
            "gen_ai.system": "openai.responses",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.response.id": "resp-1",
            "gen_ai.usage.input_tokens": 100.0,
            "gen_ai.usage.output_tokens": 96.0,
            "ai.response.msToFirstChunk": 250.5,
            "ai.prompt.messages": json.dumps(USER),
            "ai.response.text": "In the app.",
        },
        [],
        {**(GPT | COUNTS | TEXTS), "response_id": "resp-1", "time_to_first_token_ms": 250.5, "stream": True},
    ),
}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_convention_says_the_same(convention: str) -> None:
    attributes, events, expected = CONVENTIONS[convention]
    (event,) = read(a_span(attributes, events=events))
    assert {name: event.get(name) for name in expected} == expected
    assert (event["trace_id"], event["span_id"], event["duration_ms"]) == (TRACE_ID, SPAN_ID, 812.5)
    assert event["started_at"] == "2026-11-20T11:59:30.123456Z"
    assert event["attributes"] == {"otel.scope.name": "some.tracer"}
    batch = batch_of(json.dumps(event).encode())
    assert len(batch.lines) == 1, batch.dead_letters


def test_the_documentation_names_every_attribute() -> None:
    said = (ROOT / "docs" / "opentelemetry.md").read_text("utf-8")
    assert {name for name in (*names.KNOWN_WITH_TEXTS, *names.SPREAD) if name not in said} == set()
