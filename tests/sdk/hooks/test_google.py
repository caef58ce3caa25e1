"""What the hook does with Google's client library over loopback: through httpx and httpx2, and through aiohttp."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
from gemini_server import RunningGemini, running_gemini
from google import genai
from google.genai import types
from google.genai.errors import APIError, ClientError, ServerError
from hook_recorder import Recorder, recording

# The client library subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

PROMPT = "How do I top up my card?"
CONTENTS = [
    {"role": "user", "parts": [{"text": "An older question"}]},
    {"role": "model", "parts": [{"text": "An older answer"}]},
    {"role": "user", "parts": [{"text": PROMPT}]},
]
SAID = f"An older question An older answer {PROMPT}"
_TLS = ssl.create_default_context()  # costs 60 ms, which every client would spend again


class GeminiCaller:
    """Calls through one HTTP library. Every method returns what the app gets, or raises what the app sees."""

    def __init__(self, url: str, library: Any, is_async: bool) -> None:
        self.url, self.library, self.is_async = url, library, is_async

    def client(self, attempts: int = 4, timeout: float | None = None, **options: Any) -> genai.Client:
        sync: dict[str, Any] = {"verify": _TLS}
        asynchronous: dict[str, Any] = {"verify": _TLS, "ssl": _TLS}
        if self.library is not None:
            sync["transport"] = self.library.HTTPTransport(verify=_TLS)
            asynchronous["transport"] = self.library.AsyncHTTPTransport(verify=_TLS)
        waits = types.HttpRetryOptions(attempts=attempts, initial_delay=0.01, max_delay=0.02, jitter=0.01)
        http_options = types.HttpOptions(
            base_url=self.url,
            retry_options=waits,
            timeout=None if timeout is None else int(timeout * 1000),
            client_args=sync,
            async_client_args=asynchronous,
        )
        return genai.Client(**{"api_key": "key", "http_options": http_options} | options)

    def unary(self, model: str, method: str = "generate_content", asked: Any = None, **client: Any) -> Any:
        asked = (
            {"contents": CONTENTS, "config": {"temperature": 0.5, "max_output_tokens": 64}} if asked is None else asked
        )
        opened = self.client(**client)
        if not self.is_async:
            with opened:
                return getattr(opened.models, method)(model=model, **asked)

        async def main() -> Any:
            async with opened.aio as models:
                return await getattr(models.models, method)(model=model, **asked)

        return asyncio.run(main())

    def stream(self, model: str, take: int | None = None, **client: Any) -> tuple[Any, list[Any]]:
        """The stream and its first `take` events, all of them unless given; then it is closed."""
        opened, events = self.client(**client), list[Any]()
        if not self.is_async:
            with opened:
                stream = opened.models.generate_content_stream(model=model, contents=CONTENTS)
                for event in stream if take != 0 else ():
                    events.append(event)
                    if len(events) == take:
                        break
                stream.close()
                return stream, events

        async def main() -> Any:
            async with opened.aio as aio:
                stream = await aio.models.generate_content_stream(model=model, contents=CONTENTS)
                if take != 0:
                    async for event in stream:
                        events.append(event)
                        if len(events) == take:
                            break
                await stream.aclose()
                return stream

        return asyncio.run(main()), events


WAYS: dict[str, tuple[Any, bool]] = {
    "sync-httpx2": (httpx2, False),
    "sync-httpx": (httpx, False),
    "async-httpx2": (httpx2, True),
    "async-httpx": (httpx, True),
    "async-aiohttp": (None, True),
}


@pytest.fixture(scope="module")
def gemini() -> Iterator[RunningGemini]:
    with running_gemini() as running:
        yield running


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def caller(request: pytest.FixtureRequest, gemini: RunningGemini) -> GeminiCaller:
    return GeminiCaller(gemini.url, *request.param)


@pytest.fixture
def make_async(gemini: RunningGemini) -> Callable[[Any], GeminiCaller]:
    return lambda library: GeminiCaller(gemini.url, library, is_async=True)


def test_records_a_plain_call_as_google_counts_it(
    caller: GeminiCaller, recorder: Recorder, gemini: RunningGemini
) -> None:
    caller.unary("cached50-gemini")
    call, told = recorder.call(), gemini.log.usages[-1]
    assert (call.status, call.http_status, call.attempt, call.is_final, call.stream) == ("ok", 200, 1, True, False)
    assert (call.provider, call.operation) == ("gemini", "generate_content")
    assert (call.model_requested, call.model_responded) == ("cached50-gemini", "cached50-gemini")
    assert {name: getattr(call, name) for name in told} == told
    assert (call.usage_source, call.finish_reason, call.service_tier) == ("provider", "STOP", "standard")
    assert call.response_id == "V1pbaZ-mNcnu1PIP-e_DoQY"
    assert call.host == gemini.url.removeprefix("http://")
    assert 0 < call.duration_ms <= (call.operation_ms or 0)
    assert call.request_bytes is not None


def test_records_what_was_asked_for(caller: GeminiCaller, recorder: Recorder) -> None:
    caller.unary("gemini")
    assert (recorder.call().temperature, recorder.call().max_tokens) == (0.5, 64)


def test_records_every_hidden_retry_and_what_the_error_asks_to_wait(caller: GeminiCaller, recorder: Recorder) -> None:
    caller.unary("fail2-gemini")
    calls = recorder.calls()
    assert [call.status for call in calls] == ["rate_limited", "rate_limited", "ok"]
    assert [call.attempt for call in calls] == [1, 2, 3]
    assert [call.is_final for call in calls] == [False, False, True]
    assert len({call.operation_id for call in calls}) == 1
    assert [call.operation_ms is None for call in calls] == [True, True, False]
    assert (calls[0].error_code, calls[0].retry_after_ms) == ("RESOURCE_EXHAUSTED", 20)
    assert (calls[2].operation_ms or 0) > sum(call.duration_ms for call in calls)


def test_two_calls_are_two_operations(caller: GeminiCaller, recorder: Recorder) -> None:
    caller.unary("gemini")
    caller.unary("gemini")
    assert len({call.operation_id for call in recorder.calls()}) == 2


def test_the_app_gets_the_error_of_the_last_retry(caller: GeminiCaller, recorder: Recorder) -> None:
    with pytest.raises(ClientError) as raised:
        caller.unary("fail99-gemini", attempts=2)
    assert raised.value.code == 429
    assert [(call.status, call.is_final) for call in recorder.calls()] == [
        ("rate_limited", False),
        ("rate_limited", True),
    ]


def test_records_a_server_error_with_its_code(caller: GeminiCaller, recorder: Recorder) -> None:
    with pytest.raises(ServerError):
        caller.unary("status500-gemini", attempts=1)
    call = recorder.call()
    assert (call.status, call.http_status, call.error_code, call.is_final) == ("server_error", 500, "INTERNAL", True)


def test_records_a_refused_connection(caller: GeminiCaller, recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Exception, match=r".+"):
        caller.unary("gemini", attempts=1)
    call = recorder.call()
    assert (call.status, call.http_status, call.is_final) == ("network", None, True)
    assert call.error_code in ("ConnectError", "ClientConnectorError")


def test_records_a_timeout(caller: GeminiCaller, recorder: Recorder) -> None:
    with pytest.raises(Exception, match=r".*"):
        caller.unary("delay400-gemini", attempts=1, timeout=0.05)
    call = recorder.call()
    assert (call.status, call.is_final) == ("timeout", True)
    assert call.error_code in ("ReadTimeout", "TimeoutError")


@pytest.mark.parametrize("library", [httpx2, httpx, None])
def test_records_a_cancelled_call(library: Any, make_async: Callable[[Any], GeminiCaller], recorder: Recorder) -> None:
    async def main() -> None:
        async with make_async(library).client().aio as aio:
            await asyncio.wait_for(aio.models.generate_content(model="delay400-gemini", contents=PROMPT), 0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert (recorder.call().status, recorder.call().is_final) == ("cancelled", True)


@pytest.mark.parametrize("library", [httpx2, httpx, None])
def test_a_stream_that_is_cancelled_is_abandoned(
    library: Any, make_async: Callable[[Any], GeminiCaller], recorder: Recorder
) -> None:
    async def read(aio: Any) -> None:
        async for _ in await aio.models.generate_content_stream(model="s50x20-gemini", contents=PROMPT):
            pass

    async def main() -> None:
        async with make_async(library).client().aio as aio:
            await asyncio.wait_for(read(aio), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("cancelled", "abandoned", "missing")


def test_records_a_stream_to_its_end(caller: GeminiCaller, recorder: Recorder, gemini: RunningGemini) -> None:
    caller.stream("fail1-s5x2-gemini")
    refused, call = recorder.calls()
    assert (refused.status, refused.stream, refused.stream_outcome) == ("rate_limited", True, "")
    assert (call.status, call.stream, call.stream_outcome, call.attempt) == ("ok", True, "complete", 2)
    told = gemini.log.usages[-1]
    assert {name: getattr(call, name) for name in told} == told
    assert (call.usage_source, call.finish_reason) == ("provider", "STOP")
    assert 0 < (call.time_to_first_token_ms or 0) < call.duration_ms < (call.operation_ms or 0)
    assert (call.inter_token_p50_ms or 0) <= (call.inter_token_p99_ms or 0)
    assert (call.chunks or 0) >= 2
    assert call.client_blocked_ms is not None


def test_a_long_stream_is_counted_without_being_kept(
    caller: GeminiCaller, recorder: Recorder, gemini: RunningGemini
) -> None:
    _, events = caller.stream("s400x0-long4000-gemini")
    (attempt,) = recorder.attempts
    assert attempt.flow is not None
    assert attempt.flow.cut
    assert sum(map(len, attempt.flow.head)) <= 8192
    assert len(events) > 70
    assert recorder.call().output_tokens == gemini.log.usages[-1]["output_tokens"]
    assert recorder.call().stream_outcome == "complete"


def test_a_stream_that_the_app_leaves_is_abandoned(caller: GeminiCaller, recorder: Recorder) -> None:
    caller.stream("s50x5-gemini", take=2)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("ok", "abandoned", "missing")


def test_a_stream_that_is_closed_unread_was_never_asked_for(caller: GeminiCaller, recorder: Recorder) -> None:
    caller.stream("s50x5-gemini", take=0)
    assert recorder.calls() == []


def test_a_stream_that_loses_its_connection_is_broken(caller: GeminiCaller, recorder: Recorder) -> None:
    with pytest.raises(Exception, match=r".+"):
        caller.stream("cut4-gemini", attempts=1)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("network", "broken", "missing")
    assert call.error_code in ("RemoteProtocolError", "ClientPayloadError")


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
        caller.unary("gemini-embedding-001", "embed_content", {"contents": contents})
    call = recorder.call()
    assert (call.operation, call.model_requested, call.prompt) == ("embeddings", "gemini-embedding-001", PROMPT)
    assert (call.output_tokens, call.usage_source) == (0, "provider")
    assert call.input_tokens


def test_counting_tokens_uses_none(caller: GeminiCaller, recorder: Recorder) -> None:
    assert caller.unary("gemini", "count_tokens", {"contents": PROMPT}).total_tokens
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
    caller.unary("text-embedding-005", "embed_content", {"contents": PROMPT}, vertexai=True)
    assert gemini.log.paths[-1].endswith("/publishers/google/models/text-embedding-005:predict")
    call = recorder.call()
    assert (call.operation, call.model_requested, call.usage_source) == ("embeddings", "text-embedding-005", "provider")


def test_no_type_changes(caller: GeminiCaller) -> None:
    def types_seen() -> list[type]:
        stream, events = caller.stream("s3x0-gemini")
        return [type(caller.unary("gemini")), type(stream), *map(type, events)]

    bare = types_seen()
    with recording():
        assert types_seen() == bare


def test_without_capture_no_text_is_kept(caller: GeminiCaller, recorder: Recorder) -> None:
    caller.unary("gemini")
    caller.stream("s3x0-gemini")
    for attempt in recorder.attempts:
        assert attempt.request_body == b""
        assert PROMPT not in repr(attempt.frame.parameters)
    for call in recorder.calls():
        assert (call.prompt, call.response, call.prompt_hash, call.prompt_chars) == ("", "", "", None)
        assert PROMPT.encode() not in call.to_json()


def test_with_capture_prompt_and_response_are_the_last_turn(caller: GeminiCaller) -> None:
    with recording(content="full") as recorder:
        caller.unary("gemini")
        caller.stream("s30x0-gemini")
    plain, streamed = recorder.calls()
    assert (plain.prompt, plain.prompt_chars, plain.prompt_truncated) == (PROMPT, len(PROMPT), False)
    assert plain.response.startswith(f"You asked: {SAID} This is")
    assert (streamed.prompt, streamed.response) == (plain.prompt, plain.response)
    assert (plain.temperature, plain.max_tokens) == (0.5, 64)
