"""Cohere's own client library in both versions of its API, with its retries, over loopback."""

from __future__ import annotations

import asyncio
from typing import Any

import cohere
import httpx
import pytest
from hook_recorder import Recorder, recording
from recorded_answers_server import Recorded, RecordedAnswersServer, answering, document, lines, server_sent
from tokentide.hooks.cohere import billed_tokens

MESSAGES = [{"role": "user", "content": "How do I top up my card?"}]
ASKED = {"model": "command-a-03-2025", "messages": MESSAGES, "temperature": 0.5, "max_tokens": 64}
USAGE = {
    "billed_units": {"input_tokens": 12.0, "output_tokens": 5},
    "tokens": {"input_tokens": 506, "output_tokens": 9},
    "cached_tokens": 8,
}
MESSAGE = {"role": "assistant", "content": [{"type": "text", "text": "In the app."}]}
CHAT = {"id": "c1", "finish_reason": "COMPLETE", "message": MESSAGE, "usage": USAGE}
BUSY = document(
    {"message": "You are using a trial key, which is limited", "id": "e1"},
    429,
    retry_after_ms="5",
    x_trial_endpoint_call_limit="20",
    x_trial_endpoint_call_remaining="0",
)
ANSWERED = document(CHAT, x_debug_trace_id="trace-7")
META = {"api_version": {"version": "2"}, **USAGE}


def said(kind: str, key: str, value: object) -> dict[str, Any]:
    return {"type": kind, "index": 0, "delta": {"message": {key: value}}}


STREAM = server_sent(
    {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    said("content-delta", "content", {"text": "In the "}),
    said("content-delta", "content", {"text": "app."}),
    {"type": "content-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}},
)


def ask(kind: str, server: RecordedAnswersServer, is_stream: bool = False, **options: Any) -> list[Any]:
    """The answer, or the events of a stream."""
    method = "chat_stream" if is_stream else "chat"
    if kind == "sync":
        with httpx.Client() as http:
            client = cohere.ClientV2(api_key="key", base_url=server.url, httpx_client=http)
            answer = getattr(client, method)(**ASKED, **options)
            return list(answer) if is_stream else [answer]

    async def run() -> list[Any]:
        async with httpx.AsyncClient() as http:
            client = cohere.AsyncClientV2(api_key="key", base_url=server.url, httpx_client=http)
            answer = getattr(client, method)(**ASKED, **options)
            return [event async for event in answer] if is_stream else [await answer]

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_records_every_attempt_of_a_chat(kind: str, recorder: Recorder) -> None:
    with answering({"/v2/chat": [BUSY, BUSY, ANSWERED]}) as server:
        ask(kind, server)
    first, second, call = recorder.calls()
    assert len({first.operation_id, second.operation_id, call.operation_id}) == 1
    assert [each.attempt for each in recorder.calls()] == [1, 2, 3]
    assert [each.is_final for each in recorder.calls()] == [False, False, True]
    assert (first.status, first.retry_after_ms) == ("rate_limited", 5)
    assert (first.limit_requests, first.remaining_requests) == (20, 0)
    assert (call.status, call.provider, call.operation, call.request_id) == ("ok", "cohere", "chat", "trace-7")
    assert (call.model_requested, call.response_id, call.finish_reason) == ("command-a-03-2025", "c1", "COMPLETE")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (12, 8, 5)
    assert (call.temperature, call.max_tokens) == (0.5, 64)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_records_a_stream_to_its_end(kind: str) -> None:
    with recording(content="full") as recorder, answering({"/v2/chat": STREAM}) as server:
        assert len(ask(kind, server, is_stream=True)) == 6
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.is_final) == ("ok", "complete", True)
    assert (call.input_tokens, call.output_tokens, call.finish_reason) == (12, 5, "COMPLETE")
    assert (call.prompt, call.response, call.response_id) == ("How do I top up my card?", "In the app.", "c1")
    assert call.model_requested == "command-a-03-2025"
    assert call.time_to_first_token_ms is not None


def test_what_the_app_gets_does_not_change() -> None:
    def answers(server: RecordedAnswersServer) -> list[Any]:
        return [event.dict() for event in (*ask("sync", server), *ask("sync", server, is_stream=True))]

    with answering({"/v2/chat": [ANSWERED, STREAM, ANSWERED, STREAM]}) as server:
        bare = answers(server)
        with recording():
            assert answers(server) == bare


def test_version_1_streams_lines_of_json() -> None:
    whole = {"text": "In the app.", "response_id": "r1", "finish_reason": "COMPLETE", "meta": META}
    stream = lines(
        {"event_type": "stream-start", "generation_id": "g1", "is_finished": False},
        {"event_type": "text-generation", "text": "In the "},
        {"event_type": "text-generation", "text": "app."},
        {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": whole, "is_finished": True},
        content_type="application/stream+json",
    )
    with (
        recording(content="full") as recorder,
        answering({"/v1/chat": [document(whole), stream]}) as server,
        httpx.Client() as http,
    ):
        client = cohere.Client(api_key="key", base_url=server.url, httpx_client=http)
        client.chat(model="command-r", message="How?")
        assert len(list(client.chat_stream(model="command-r", message="How?"))) == 4
    for call in recorder.calls():
        assert (call.prompt, call.response, call.response_id) == ("How?", "In the app.", "r1")
        assert (call.input_tokens, call.output_tokens, call.finish_reason) == (12, 5, "COMPLETE")
    assert [call.stream_outcome for call in recorder.calls()] == ["", "complete"]


def test_records_embeddings_however_large(recorder: Recorder) -> None:
    answer = {
        "id": "e1",
        "embeddings": {"float": [[0.1] * 20_000]},
        "texts": ["a"],
        "meta": {"billed_units": {"input_tokens": 3}},
    }
    with answering({"/v2/embed": document(answer)}) as server, httpx.Client() as http:
        client = cohere.ClientV2(api_key="key", base_url=server.url, httpx_client=http)
        client.embed(model="embed-v4.0", texts=["a"], input_type="search_query", embedding_types=["float"])
    call = recorder.call()
    assert (call.operation, call.input_tokens, call.output_tokens) == ("embeddings", 3, 0)
    assert (call.model_requested, call.response_id) == ("embed-v4.0", "e1")


def test_rerank_has_searches_and_no_tokens(recorder: Recorder) -> None:
    answer = {
        "id": "r1",
        "results": [{"index": 0, "relevance_score": 0.9}],
        "meta": {"billed_units": {"search_units": 1}},
    }
    with answering({"/v2/rerank": document(answer)}) as server, httpx.Client() as http:
        client = cohere.ClientV2(api_key="key", base_url=server.url, httpx_client=http)
        client.rerank(model="rerank-v3.5", query="card", documents=["a"])
    call = recorder.call()
    assert (call.operation, call.model_requested, call.usage_source) == ("rerank", "rerank-v3.5", "missing")
    assert call.usage_raw == '{"billed_units":{"search_units":1}}'


@pytest.mark.parametrize(
    ("usage", "is_embedding", "tokens"),
    [
        (USAGE, False, {"input_tokens": 12, "cache_read_tokens": 8, "output_tokens": 5}),
        ({**USAGE, "cached_tokens": 400}, False, {"input_tokens": 12, "output_tokens": 5}),
        ({"tokens": {"input_tokens": 9, "output_tokens": 2}}, False, {"input_tokens": 9, "output_tokens": 2}),
        (
            {"billed_units": {"image_tokens": 40, "text_tokens": 2}},
            True,
            {"input_tokens": 42, "input_image_tokens": 40, "output_tokens": 0},
        ),
        ({"billed_units": {"search_units": 1}}, False, {}),
        ({"billed_units": {"input_tokens": float("nan")}}, False, {}),
        (None, False, {}),
    ],
)
def test_what_is_billed_counts(usage: Any, is_embedding: bool, tokens: dict[str, int]) -> None:
    assert billed_tokens(usage, is_embedding) == tokens


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (document({"message": "too many tokens: size limit exceeded by 7"}, 400), "context_length", ""),
        (document({"message": "invalid api token"}, 401), "auth", ""),
        (
            server_sent({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "boom"}}, {}),
            "server_error",
            "ERROR",
        ),
        (document({**CHAT, "finish_reason": "ERROR_TOXIC"}), "content_filter", "ERROR_TOXIC"),
    ],
)
def test_tells_errors_apart(answer: Recorded, status: str, code: str, recorder: Recorder) -> None:
    with answering({"/v2/chat": answer}) as server:
        httpx.post(f"{server.url}/v2/chat", json=ASKED, headers={"x-fern-sdk-name": "cohere"})
    assert (recorder.call().status, recorder.call().error_code) == (status, code)


@pytest.mark.parametrize(
    ("url", "is_recorded"),
    [
        ("https://api.cohere.com/v2/chat", True),
        ("https://api.cohere.ai/v1/embed", True),
        ("https://cohere.com.shop.example/v1/chat", False),
        ("http://localhost:8000/v1/rerank", False),
    ],
)
def test_a_plain_request_is_known_by_its_host(url: str, is_recorded: bool, recorder: Recorder) -> None:
    answer = httpx.MockTransport(lambda request: httpx.Response(200, json=CHAT))
    with httpx.Client(transport=answer) as plain:
        plain.post(url, json=ASKED)
    assert len(recorder.calls()) == is_recorded
