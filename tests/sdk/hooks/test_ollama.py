"""Ollama's own client library over loopback: plain answers, and streams as lines of JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import ollama
import pytest
from hook_recorder import Recorder, recording
from recorded_answers_server import RecordedAnswersServer, answering, document, lines

MESSAGES = [{"role": "user", "content": "How do I top up my card?"}]
ASKED = {"model": "llama3.2", "messages": MESSAGES, "options": {"temperature": 0.5, "num_predict": 64}}
DONE = {
    "model": "llama3.2",
    "created_at": "2026-01-01T00:00:00Z",
    "done": True,
    "done_reason": "stop",
    "total_duration": 4000000,
    "load_duration": 1000000,
    "prompt_eval_count": 12,
    "prompt_eval_duration": 1000000,
    "eval_count": 5,
    "eval_duration": 2000000,
}
CHAT = document(DONE | {"message": {"role": "assistant", "content": "In the app."}})


def part(content: str, **more: object) -> dict[str, Any]:
    return {"model": "llama3.2", "done": False, "message": {"role": "assistant", "content": content, **more}}


STREAM = lines(
    part("", thinking="Cards"), part("In the "), part("app."), DONE | {"message": {"role": "assistant", "content": ""}}
)


def ask(kind: str, server: RecordedAnswersServer, method: str = "chat", **asked: Any) -> list[Any]:
    """The answer, or the events of a stream."""
    if kind == "sync":
        with ollama.Client(host=server.url) as client:
            answer = getattr(client, method)(**asked)
            return list(answer) if asked.get("stream") else [answer]

    async def run() -> list[Any]:
        client = ollama.AsyncClient(host=server.url)
        try:
            answer = await getattr(client, method)(**asked)
            return [event async for event in answer] if asked.get("stream") else [answer]
        finally:
            await client.close()

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_records_a_chat(kind: str, recorder: Recorder) -> None:
    with answering({"/api/chat": CHAT}) as server:
        ask(kind, server, **ASKED)
    call = recorder.call()
    assert (call.provider, call.operation, call.status, call.stream) == ("ollama", "chat", "ok", False)
    assert (call.attempt, call.is_final, call.operation_ms is None) == (1, True, False)
    assert (call.model_requested, call.model_responded) == ("llama3.2", "llama3.2")
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (12, 5, "provider")
    assert json.loads(call.usage_raw)["load_duration"] == 1000000
    assert (call.temperature, call.max_tokens, call.finish_reason) == (0.5, 64, "stop")
    assert call.host == server.url.removeprefix("http://")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_records_a_stream_of_lines_to_its_end(kind: str) -> None:
    with recording(content="full") as recorder, answering({"/api/chat": STREAM}) as server:
        assert len(ask(kind, server, **ASKED, stream=True)) == 4
    call = recorder.call()
    assert (call.status, call.stream, call.stream_outcome) == ("ok", True, "complete")
    assert (call.input_tokens, call.output_tokens, call.finish_reason) == (12, 5, "stop")
    assert (call.prompt, call.response) == ("How do I top up my card?", "In the app.")
    assert call.time_to_first_token_ms is not None


def test_what_the_app_gets_does_not_change() -> None:
    with answering({"/api/chat": [CHAT, STREAM, CHAT, STREAM]}) as server:
        bare = [*ask("sync", server, **ASKED), *ask("sync", server, **ASKED, stream=True)]
        with recording():
            assert [*ask("sync", server, **ASKED), *ask("sync", server, **ASKED, stream=True)] == bare


def test_an_error_inside_a_stream_is_the_calls_error(recorder: Recorder) -> None:
    broken = lines(part("In the "), {"error": "an error was encountered while running the model"})
    with answering({"/api/chat": broken}) as server, pytest.raises(ollama.ResponseError):
        ask("sync", server, **ASKED, stream=True)
    call = recorder.call()
    assert (call.status, call.error_code, call.stream_outcome) == ("server_error", "error", "broken")
    assert "encountered" not in call.to_json().decode()


def test_a_model_that_is_not_there_is_an_invalid_request(recorder: Recorder) -> None:
    missing = document({"error": "model 'x' not found"}, 404)
    with answering({"/api/chat": missing}) as server, pytest.raises(ollama.ResponseError, match="not found"):
        ask("sync", server, **ASKED)
    assert (recorder.call().status, recorder.call().http_status) == ("invalid_request", 404)


@pytest.mark.parametrize("is_stream", [False, True])
def test_records_a_completion(is_stream: bool, recorder: Recorder) -> None:
    context = list(range(9000))  # which makes the last line longer than what is kept of a stream
    last = DONE | {"response": "", "context": context}
    stream = lines({"model": "llama3.2", "response": "In", "done": False}, last)
    with answering({"/api/generate": stream if is_stream else document(last | {"response": "In"})}) as server:
        ask("sync", server, "generate", model="llama3.2", prompt="How?", stream=is_stream)
    call = recorder.call()
    assert (call.operation, call.input_tokens, call.output_tokens) == ("generate", 12, 5)
    assert (call.finish_reason, call.stream_outcome) == ("stop", "complete" if is_stream else "")


def test_records_embeddings_however_large(recorder: Recorder) -> None:
    answer = {"model": "all-minilm", "embeddings": [[0.1] * 20_000], "total_duration": 9, "prompt_eval_count": 8}
    with answering({"/api/embed": document(answer)}) as server:
        ask("sync", server, "embed", model="all-minilm", input=["a", "b"])
    call = recorder.call()
    assert (call.operation, call.input_tokens, call.output_tokens) == ("embeddings", 8, 0)


def test_an_input_that_was_in_the_cache_is_not_told(recorder: Recorder) -> None:
    answer = {key: value for key, value in DONE.items() if key != "prompt_eval_count"}
    with answering({"/api/chat": document(answer | {"message": {"role": "assistant", "content": "Yes."}})}) as server:
        ask("sync", server, **ASKED)
    call = recorder.call()
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (None, 5, "missing")


@pytest.mark.parametrize(
    ("url", "is_recorded"),
    [
        ("http://localhost:11434/api/chat", True),
        ("https://ollama.com/api/chat", True),
        ("https://shop.example/api/chat", False),
        ("http://localhost:3000/api/generate", False),
    ],
)
def test_a_plain_request_is_known_by_its_host_or_port(url: str, is_recorded: bool, recorder: Recorder) -> None:
    answer = httpx.MockTransport(lambda request: httpx.Response(200, json=DONE))
    with httpx.Client(transport=answer) as plain:
        plain.post(url, json=ASKED)
    assert len(recorder.calls()) == is_recorded


def test_a_long_prompt_still_names_its_model(recorder: Recorder) -> None:
    with answering({"/api/chat": document({"error": "too long"}, 400)}) as server, pytest.raises(ollama.ResponseError):
        ask("sync", server, model="llama3.2", messages=[{"role": "user", "content": '"model": "no" ' * 5000}])
    assert recorder.call().model_requested == "llama3.2"
    assert len(recorder.attempts[0].request_body) < 17_000
