"""Requests that no client library frames, over httpx and httpx2 themselves, and what an HTTP stack can do to them."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterable

import httpx
import httpx2
import openai
import pytest
import tokentide
from hook_clients import MESSAGES
from hook_recorder import Recorder

from server.demo.provider import RunningProvider


def in_memory(content: Iterable[bytes]) -> httpx2.MockTransport:
    headers = {"content-type": "text/event-stream"}
    return httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=content))


def test_a_stream_that_is_forgotten_is_recorded(recorder: Recorder) -> None:
    with httpx2.Client(transport=in_memory(iter([b"data: {}", b""]))) as client:
        request = client.build_request("POST", "https://api.openai.com/v1/chat/completions", json={"stream": True})
        client.send(request, stream=True)
        gc.collect()
    assert recorder.call().stream_outcome == "abandoned"


def test_an_error_inside_a_stream_is_the_calls_error(recorder: Recorder) -> None:
    event = b'data: {"error": {"message": "busy", "type": "server_error", "code": null}}'
    with httpx2.Client(transport=in_memory(iter([event]))) as client:
        client.post("https://api.openai.com/v1/chat/completions", json={"stream": True})
    call = recorder.call()
    assert (call.status, call.error_code, call.http_status) == ("server_error", "server_error", 200)


def test_a_stream_that_an_error_ended_is_broken_and_not_left(recorder: Recorder) -> None:
    """The client library raises it and closes the stream."""
    event = b'data: {"error": {"message": "busy", "type": "server_error", "code": null}}\n\n'
    http_client = httpx2.Client(transport=in_memory(iter([event, event])))
    with openai.OpenAI(api_key="key", http_client=http_client) as client, pytest.raises(openai.APIError, match="busy"):
        list(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))  # type: ignore[call-overload]  # messages are plain
    call = recorder.call()
    assert (call.status, call.stream_outcome) == ("server_error", "broken")


def test_a_request_inside_a_request_is_one_attempt(provider: RunningProvider, recorder: Recorder) -> None:
    """A transport may itself be built on a client."""
    with httpx.Client() as inner:

        def forward(request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, content=inner.post(str(request.url), content=request.content).content)

        with httpx2.Client(transport=httpx2.MockTransport(forward)) as client:
            client.post(f"{provider.url}/v1/embeddings", json={"model": "m", "input": "x"})
    assert recorder.call().input_tokens == 1


def test_a_redirected_request_is_one_attempt(recorder: Recorder) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "old":
            return httpx2.Response(307, headers={"location": "https://api.openai.com/v1/embeddings"})
        return httpx2.Response(200, json={"model": "m", "usage": {"prompt_tokens": 3}})

    with httpx2.Client(transport=httpx2.MockTransport(answer), follow_redirects=True) as client:
        client.post("https://old/v1/embeddings", json={"input": "x"})
    assert (recorder.call().http_status, recorder.call().input_tokens) == (200, 3)


def test_calls_that_run_at_once_keep_their_own_frames_and_contexts(
    provider: RunningProvider, recorder: Recorder
) -> None:
    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="key") as client:

            async def ask(team: str) -> None:
                with tokentide.context(team=team):
                    await client.embeddings.create(model="fail1-m", input=team)

            await asyncio.gather(*(ask(f"team {number}") for number in range(8)))

    asyncio.run(main())
    calls = recorder.calls()
    assert len(calls) == 16
    assert len({(call.operation_id, call.team) for call in calls}) == 8
    assert sum(call.is_final for call in calls) == 8


@pytest.mark.parametrize(
    ("url", "provider", "host"),
    [
        ("https://api.openai.com/v1/chat/completions", "openai", "api.openai.com"),
        ("https://us.api.openai.com:443/v1/chat/completions", "openai", "us.api.openai.com"),
        ("https://x.openai.azure.com/openai/deployments/d/chat/completions", "azure", "x.openai.azure.com"),
        ("http://localhost:11434/v1/chat/completions", "openai", "localhost:11434"),
    ],
)
def test_the_host_tells_the_provider(url: str, provider: str, host: str, recorder: Recorder) -> None:
    with httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))) as client:
        client.post(url, json={})
    assert (recorder.call().provider, recorder.call().host) == (provider, host)


AZURE = "https://house.openai.azure.com/openai/deployments/d"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi"


@pytest.mark.parametrize(
    ("url", "provider", "operation"),
    [
        (f"{AZURE}/chat/completions", "azure", "chat"),
        (f"{AZURE}/completions", "azure", "completions"),
        (f"{AZURE}/embeddings", "azure", "embeddings"),
        (f"{AZURE}/images/generations", "azure", "images"),
        (f"{AZURE}/images/edits", "azure", "images"),
        (f"{AZURE}/audio/transcriptions", "azure", "audio"),
        (f"{AZURE}/audio/translations", "azure", "audio"),
        (f"{AZURE}/audio/speech", "azure", "audio"),
        ("https://house.openai.azure.com/openai/responses", "azure", "responses"),
        ("https://house.services.ai.azure.com/models/embeddings", "azure", "embeddings"),
        ("https://models.inference.ai.azure.com/embeddings", "azure", "embeddings"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/embeddings", "gemini", "embeddings"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/images/generations", "gemini", "images"),
        (f"{VERTEX}/embeddings", "gcp.vertex_ai", "embeddings"),
        ("https://api.z.ai/api/paas/v4/embeddings", "zai", "embeddings"),
        ("https://api.z.ai/api/paas/v4/images/generations", "zai", "images"),
        ("https://api.deepseek.com/beta/completions", "deepseek", "completions"),
        ("https://api.mistral.ai/v1/fim/completions", "mistral", "completions"),
        ("https://api.mistral.ai/v1/agents/completions", "mistral", "chat"),
        ("https://api.openai.com/v1/moderations", "openai", "moderations"),
        ("http://localhost:8000/v1/embeddings", "openai", "embeddings"),
        ("http://localhost:8000/v1/audio/speech", "openai", "audio"),
    ],
)
def test_the_address_of_a_plain_call_tells_what_it_is(
    url: str, provider: str, operation: str, recorder: Recorder
) -> None:
    with httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))) as client:
        client.post(url, json={})
    assert (recorder.call().provider, recorder.call().operation) == (provider, operation)


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example/openai/deployments/d/embeddings",
        "https://shop.example/api/completions",
        "https://shop.example/images/generations",
        "https://shop.example/audio/transcriptions",
        "https://shop.example/moderations",
        "https://notapi.z.ai.example/api/paas/v4/embeddings",
        "https://evilapi.deepseek.com/beta/completions",
        "https://api.deepseek.com/beta/balance",
        f"{AZURE}/extensions/on-your-data",
        "https://house.openai.azure.com/openai/files",
    ],
)
def test_what_may_be_something_else_is_left_alone(url: str, recorder: Recorder) -> None:
    with httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))) as client:
        client.post(url, json={})
    assert recorder.calls() == []


def test_a_slow_reader_is_told_from_a_slow_provider(provider: RunningProvider, recorder: Recorder) -> None:
    with httpx2.Client() as client:
        body = {"model": "s3x0-m", "messages": MESSAGES, "stream": True}
        with client.stream("POST", f"{provider.url}/v1/chat/completions", json=body) as response:
            for _ in response.iter_raw():
                time.sleep(0.01)
    assert (recorder.call().client_blocked_ms or 0) >= 10


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_call_without_a_client_library_is_its_own_operation(
    library: object, provider: RunningProvider, recorder: Recorder
) -> None:
    body = {"model": "model", "messages": MESSAGES}
    response = library.post(f"{provider.url}/v1/chat/completions", json=body)  # type: ignore[attr-defined]  # a module
    assert response.json()["model"] == "model"
    call = recorder.call()
    assert (call.attempt, call.is_final, call.provider, call.model_requested) == (1, True, "openai", "model")
    assert call.operation_ms is not None


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/v1/messages", {}), ("/api/responses", {}), ("/v1/other", {}), ("/v1/chat/completions/x", {})],
)
def test_other_requests_are_left_alone(
    path: str, headers: dict[str, str], provider: RunningProvider, recorder: Recorder
) -> None:
    httpx2.post(provider.url + path, json={"model": "m"}, headers=headers)
    httpx2.get(f"{provider.url}/v1/chat/completions")
    assert recorder.calls() == []


def test_plain_messages_are_known_by_their_version_header(provider: RunningProvider, recorder: Recorder) -> None:
    body = {"model": "m", "messages": MESSAGES, "max_tokens": 5}
    httpx2.post(f"{provider.url}/v1/messages", json=body, headers={"anthropic-version": "2023-06-01"})
    assert (recorder.call().provider, recorder.call().operation) == ("anthropic", "messages")
