"""Mistral's own client library, with its retries, over loopback."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hook_recorder import Recorder, recording
from mistral_library import Mistral, retrying
from recorded_answers_server import Recorded, RecordedAnswersServer, answering, document, server_sent
from tokentide.hooks.libraries import look
from tokentide.hooks.mistral import PROVIDER

MESSAGES = [{"role": "user", "content": "How do I top up my card?"}]
ASKED = {"model": "mistral-small-latest", "messages": MESSAGES, "temperature": 0.5, "max_tokens": 64}
USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "service_tier": "priority"}
CHAT = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "mistral-small-2603",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "In the app."}}],
    "usage": USAGE | {"prompt_tokens_details": {"cached_tokens": 8}},
}
BUSY = document(
    {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "param": None, "code": "1300"},
    429,
    x_ratelimit_limit_req_minute="60",
    x_ratelimit_remaining_req_minute="0",
)
ANSWERED = document(
    CHAT,
    mistral_correlation_id="m-7",
    x_ratelimit_limit_tokens_minute="50000",
    x_ratelimit_remaining_tokens_minute="49983",
)


def chunk(content: object, **more: object) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None} | more.pop("choice", {})  # type: ignore[operator]  # a mapping
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice], **more}


STREAM = server_sent(
    chunk(""),
    chunk([{"type": "thinking", "thinking": [{"type": "text", "text": "Cards…"}]}]),
    chunk("In the "),
    chunk("app.", choice={"finish_reason": "stop"}, usage=USAGE),
    done=True,
)


def client(server: RecordedAnswersServer) -> Any:
    return Mistral(api_key="key", server_url=server.url, retry_config=retrying(5000))


def ask(kind: str, server: RecordedAnswersServer, is_stream: bool = False) -> list[Any]:
    """The answer, or the events of a stream."""
    if kind == "sync":
        with client(server) as mistral:
            return list(mistral.chat.stream(**ASKED)) if is_stream else [mistral.chat.complete(**ASKED)]

    async def run() -> list[Any]:
        async with client(server) as mistral:
            if not is_stream:
                return [await mistral.chat.complete_async(**ASKED)]
            async with await mistral.chat.stream_async(**ASKED) as stream:
                return [event async for event in stream]

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_records_every_attempt_of_a_chat(kind: str, recorder: Recorder) -> None:
    with answering({"/v1/chat/completions": [BUSY, ANSWERED]}) as server:
        ask(kind, server)
    busy, call = recorder.calls()
    assert busy.operation_id == call.operation_id
    assert (busy.status, busy.error_code, busy.is_final) == ("rate_limited", "rate_limited", False)
    assert (busy.limit_requests, busy.remaining_requests) == (60, 0)
    assert (call.status, call.attempt, call.is_final, call.provider) == ("ok", 2, True, "mistral")
    assert (call.model_requested, call.model_responded) == ("mistral-small-latest", "mistral-small-2603")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (12, 8, 5)
    assert (call.limit_tokens, call.remaining_tokens, call.request_id) == (50000, 49983, "m-7")
    assert (call.temperature, call.max_tokens, call.service_tier) == (0.5, 64, "priority")
    assert (call.operation, call.response_id, call.finish_reason) == ("chat", "c1", "stop")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_records_a_stream_to_its_end(kind: str) -> None:
    with recording(content="full") as recorder, answering({"/v1/chat/completions": [BUSY, STREAM]}) as server:
        assert len(ask(kind, server, is_stream=True)) == 4
    _, call = recorder.calls()
    assert (call.status, call.stream_outcome, call.attempt) == ("ok", "complete", 2)
    assert (call.input_tokens, call.output_tokens, call.finish_reason) == (12, 5, "stop")
    assert (call.prompt, call.response) == ("How do I top up my card?", "In the app.")
    assert call.time_to_first_token_ms is not None


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What is only forgotten stays."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_refused_stream_that_is_never_closed_is_recorded_before_its_retry(kind: str, recorder: Recorder) -> None:
    """Version 1 of the library leaves it open."""
    with answering({"/v1/chat/completions": [BUSY, BUSY, STREAM]}) as server:
        ask(kind, server, is_stream=True)
    assert [(call.status, call.attempt) for call in recorder.calls()] == [
        ("rate_limited", 1),
        ("rate_limited", 2),
        ("ok", 3),
    ]
    refused = recorder.attempts[0]
    assert refused.ended <= recorder.attempts[1].started


def test_what_the_app_gets_does_not_change() -> None:
    with answering({"/v1/chat/completions": [ANSWERED, STREAM, ANSWERED, STREAM]}) as server:
        bare = [*ask("sync", server), *ask("sync", server, is_stream=True)]
        with recording():
            assert [*ask("sync", server), *ask("sync", server, is_stream=True)] == bare


@pytest.mark.parametrize(
    ("path", "resource", "asked", "answer", "operation", "tokens"),
    [
        ("/v1/fim/completions", "fim", {"model": "codestral-latest", "prompt": "def f("}, CHAT, "completions", (12, 5)),
        ("/v1/agents/completions", "agents", {"agent_id": "ag_1", "messages": MESSAGES}, CHAT, "chat", (12, 5)),
    ],
)
def test_records_the_other_completions(
    path: str, resource: str, asked: Any, answer: Any, operation: str, tokens: Any, recorder: Recorder
) -> None:
    with answering({path: document(answer)}) as server, client(server) as mistral:
        getattr(mistral, resource).complete(**asked)
    call = recorder.call()
    assert (call.operation, call.model_requested) == (operation, asked.get("model", ""))
    assert (call.input_tokens, call.output_tokens) == tokens


def test_records_embeddings(recorder: Recorder) -> None:
    answer = {
        "id": "e1",
        "object": "list",
        "model": "mistral-embed",
        "data": [{"object": "embedding", "embedding": [0.1] * 8000, "index": 0}] * 2,
        "usage": {"prompt_tokens": 15, "completion_tokens": 0, "total_tokens": 15},
    }
    with answering({"/v1/embeddings": document(answer)}) as server, client(server) as mistral:
        mistral.embeddings.create(model="mistral-embed", inputs=["a", "b"])
    call = recorder.call()
    assert (call.operation, call.input_tokens, call.output_tokens) == ("embeddings", 15, 0)


def test_ocr_has_pages_and_no_tokens(recorder: Recorder) -> None:
    answer = {"pages": [], "model": "mistral-ocr-2605", "usage_info": {"pages_processed": 3, "doc_size_bytes": 9}}
    source = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    with answering({"/v1/ocr": document(answer)}) as server, client(server) as mistral:
        mistral.ocr.process(model="mistral-ocr-latest", document=source)
    call = recorder.call()
    assert (call.operation, call.model_responded, call.usage_source) == ("ocr", "mistral-ocr-2605", "missing")
    assert call.usage_raw == '{"pages_processed":3,"doc_size_bytes":9}'


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (BUSY, "rate_limited", "rate_limited"),
        (
            document({"object": "error", "type": "service_tier_capacity_exceeded", "message": "", "code": "3505"}, 429),
            "rate_limited",
            "service_tier_capacity_exceeded",
        ),
        (
            document(
                {
                    "object": "error",
                    "type": "invalid_request_error",
                    "code": "3051",
                    "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
                },
                400,
            ),
            "context_length",
            "invalid_request_error",
        ),
        (
            document({"detail": [{"type": "missing", "loc": ["body"], "msg": "Field required"}]}, 422),
            "invalid_request",
            "",
        ),
        (document({"message": "Unauthorized", "request_id": "r"}, 401), "auth", ""),
        (server_sent({"error": {"type": "internal_error", "message": "busy"}}, {}), "server_error", "internal_error"),
    ],
)
def test_tells_errors_apart(answer: Recorded, status: str, code: str, recorder: Recorder) -> None:
    with answering({"/v1/chat/completions": answer}) as server:
        headers = {"user-agent": "mistral-client-python/3.7.0"}
        httpx2.post(f"{server.url}/v1/chat/completions", json=ASKED, headers=headers)
    call = recorder.call()
    assert (call.provider, call.status, call.error_code) == ("mistral", status, code)


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.mistral.ai/v1/chat/completions", "mistral"),
        ("https://api.mistral.ai/v1/embeddings", "mistral"),
        ("https://notmistral.ai/v1/chat/completions", "openai"),
        ("http://localhost:8000/v1/embeddings", "openai"),
    ],
)
def test_a_plain_request_is_known_by_its_host(url: str, provider: str, recorder: Recorder) -> None:
    with httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json=CHAT))) as plain:
        plain.post(url, json=ASKED)
    assert recorder.call().provider == provider


def test_the_document_that_is_scanned_is_no_prompt() -> None:
    scan = PROVIDER.endpoints[-1].prompt
    assert scan({"document": {"image_url": {"url": "https://example.com/a.png"}}}) == "https://example.com/a.png"
    assert scan({"document": {"image_url": "data:image/png;base64,AAAA"}}) == ""


def test_the_doctor_says_that_it_is_recorded() -> None:
    found = next(each for each in look() if each.name == "mistralai")
    methods = {name.rpartition(".")[2] for name in found.hooks}
    assert (found.state, found.note, methods) == ("recorded", "", {"do_request", "do_request_async"})
    assert len(found.hooks) == 4  # those of its client and of that for Azure
