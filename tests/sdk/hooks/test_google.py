"""What Google's client library does beside the suite of all: through httpx and httpx2, and through aiohttp."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from client_suite import PROMPT
from gemini_caller import CONTENTS, GeminiCaller, open_caller
from gemini_server import RunningGemini
from google.genai import types
from google.genai.errors import APIError
from hook_recorder import Recorder, recording

# The client library subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

WAYS = ("sync-httpx2", "sync-httpx", "async-httpx2", "async-httpx", "async-aiohttp")


@pytest.fixture(params=WAYS)
def caller(request: pytest.FixtureRequest, gemini: RunningGemini) -> GeminiCaller:
    return open_caller(gemini, request.param, "generate_content")


def test_what_google_says_beside_the_counts(caller: GeminiCaller, recorder: Recorder) -> None:
    caller.unary("gemini")
    caller.stream("gemini")
    plain, streamed = recorder.calls()
    assert (plain.finish_reason, plain.service_tier) == ("STOP", "standard")
    assert (streamed.finish_reason, plain.response_id) == ("STOP", "V1pbaZ-mNcnu1PIP-e_DoQY")


@pytest.mark.parametrize("way", [way for way in WAYS if way.startswith("async")])
def test_a_stream_that_is_cancelled_is_abandoned(way: str, gemini: RunningGemini, recorder: Recorder) -> None:
    async def read(aio: Any) -> None:
        async for _ in await aio.models.generate_content_stream(model="s50x20-gemini", contents=PROMPT):
            pass

    async def run(aio: Any) -> None:
        await asyncio.wait_for(read(aio), 0.1)

    with pytest.raises(TimeoutError):
        open_caller(gemini, way, "generate_content").run(run)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("cancelled", "abandoned", "missing")


@pytest.mark.parametrize("method", ["unary", "stream"])
def test_a_prompt_that_is_blocked(caller: GeminiCaller, recorder: Recorder, method: str) -> None:
    getattr(caller, method)("blocked-gemini")
    call = recorder.call()
    assert (call.status, call.error_code, call.finish_reason) == ("content_filter",) + ("PROHIBITED_CONTENT",) * 2
    assert call.stream_outcome == ("complete" if method == "stream" else "")
    assert call.output_tokens == 0


@pytest.mark.parametrize("contents", [PROMPT, [PROMPT], [types.Content(role="user", parts=[types.Part(text=PROMPT)])]])
def test_embeddings(caller: GeminiCaller, contents: Any, gemini: RunningGemini) -> None:
    with recording(content="full") as recorder:
        caller.call("embed_content", "gemini-embedding-001", {"contents": contents})
    call = recorder.call()
    assert (call.operation, call.model_requested, call.prompt) == ("embeddings", "gemini-embedding-001", PROMPT)
    assert (call.output_tokens, call.usage_source) == (0, "provider")
    assert call.input_tokens


def test_counting_tokens_uses_none(caller: GeminiCaller, recorder: Recorder) -> None:
    assert caller.call("count_tokens", "gemini", {"contents": PROMPT}).total_tokens
    call = recorder.call()
    assert (call.operation, call.input_tokens, call.output_tokens) == ("count_tokens", 0, 0)


def test_other_requests_of_the_client_are_no_calls(caller: GeminiCaller, recorder: Recorder) -> None:
    with caller.client() as client, pytest.raises(APIError):
        client.caches.create(model="gemini", config={"contents": CONTENTS})
    assert recorder.calls() == []


def test_a_chat_is_a_call_for_each_message(caller: GeminiCaller, recorder: Recorder) -> None:
    with caller.client() as client:
        chat = client.chats.create(model="gemini")
        chat.send_message("one")
        list(chat.send_message_stream("two"))
    assert [call.stream for call in recorder.calls()] == [False, True]


def test_vertex_ai(caller: GeminiCaller, recorder: Recorder, gemini: RunningGemini) -> None:
    caller.unary("gemini", vertexai=True)
    assert gemini.log.paths[-1].endswith("/publishers/google/models/gemini:generateContent")
    assert (recorder.call().model_requested, recorder.call().status) == ("gemini", "ok")


def test_vertex_ai_predicts_embeddings(caller: GeminiCaller, recorder: Recorder, gemini: RunningGemini) -> None:
    caller.call("embed_content", "text-embedding-005", {"contents": PROMPT}, vertexai=True)
    assert gemini.log.paths[-1].endswith("/publishers/google/models/text-embedding-005:predict")
    call = recorder.call()
    assert (call.operation, call.model_requested, call.usage_source) == ("embeddings", "text-embedding-005", "provider")
