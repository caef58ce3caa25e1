"""The seam of aiohttp: whatever way an app reads an answer, it reads the same, and the record is whole."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hook_recorder import Recorder, recording

from server.demo.provider import RunningProvider

# The client library subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

Read = Callable[[aiohttp.ClientResponse], Awaitable[bytes]]
ASKED = {"messages": [{"role": "user", "content": "How?"}], "stream_options": {"include_usage": True}}


async def _lines(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([line async for line in response.content])


async def _line_by_line(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([line for line in [await response.content.readline() for _ in range(999)] if line])


async def _chunks(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([chunk async for chunk, _ in response.content.iter_chunks()])


async def _separated(response: aiohttp.ClientResponse) -> bytes:
    read = b""
    while not response.content.at_eof():
        read += await response.content.readuntil(b"\n\n")
    return read


async def _exactly(response: aiohttp.ClientResponse) -> bytes:
    read = await response.content.readexactly(20)
    try:
        return read + await response.content.readexactly(10**6)
    except asyncio.IncompleteReadError as error:
        return read + error.partial


async def _without_waiting(response: aiohttp.ClientResponse) -> bytes:
    read = b""
    while not response.content.at_eof():
        await asyncio.sleep(0)
        read += response.content.read_nowait()
    return read


async def _text(response: aiohttp.ClientResponse) -> bytes:
    return (await response.text()).encode()


async def _any(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([chunk async for chunk in response.content.iter_any()])


async def _chunked(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([chunk async for chunk in response.content.iter_chunked(100)])


async def _large_chunks(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([chunk async for chunk in response.content.iter_chunked(8192)])


WAYS = (_lines, _line_by_line, _chunks, _separated, _exactly, _without_waiting, _text, _any, _chunked)


def post(url: str, read: Read | None, stream: bool = False, model: str = "s5x2-model", **session: Any) -> Any:
    """What reading the answer of a chat completion gives; it is released unread if `read` is None."""

    async def main() -> bytes | None:
        asked = json.dumps({"model": model, "stream": stream} | ASKED).encode()
        async with aiohttp.ClientSession(**session) as opened, opened.post(url, data=asked) as response:
            return None if read is None else await read(response)

    return asyncio.run(main())


@pytest.fixture
def url(provider: RunningProvider) -> str:
    return f"{provider.openai_url}/chat/completions"


@pytest.mark.parametrize("read", WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_every_way_of_reading_is_seen_whole(url: str, read: Read, stream: bool, recorder: Recorder) -> None:
    said = post(url, read, stream)
    (seen,) = recorder.attempts
    kept = seen.body if seen.flow is None else b"".join([*seen.flow.head, *seen.flow.tail])
    assert kept == said
    call = recorder.call()
    assert (call.status, call.model_requested, call.usage_source) == ("ok", "s5x2-model", "provider")
    assert (call.stream, call.stream_outcome) == (stream, "complete" if stream else "")
    assert (call.response_bytes, call.is_final) == (len(said), True)


@pytest.mark.parametrize("read", [_text, _any, _large_chunks])
def test_a_large_answer_is_not_kept_whole(url: str, read: Read, recorder: Recorder) -> None:
    said = post(url, read, model="long500000-model")
    (seen,) = recorder.attempts
    assert seen.held_bytes() < 100_000 < len(said)
    assert recorder.call().usage_source == "provider"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_released_unread_is_left(url: str, stream: bool, recorder: Recorder) -> None:
    post(url, None, stream, model="s50x20-model" if stream else "long500000-model")
    call = recorder.call()
    assert (call.status, call.http_status, call.usage_source) == ("ok", 200, "missing")
    assert call.stream_outcome == ("abandoned" if stream else "")


# aiohttp warns of its connection, with the hook and without it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_answer_that_is_forgotten_is_left(url: str, recorder: Recorder) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            asked = json.dumps({"model": "s50x20-model", "stream": True} | ASKED)
            await session.post(url, data=asked.encode())

    asyncio.run(main())
    gc.collect()
    assert recorder.call().stream_outcome == "abandoned"


def test_a_status_that_the_session_raises_is_recorded(url: str, recorder: Recorder) -> None:
    with pytest.raises(aiohttp.ClientResponseError):
        post(url, _text, model="status429-model", raise_for_status=True)
    call = recorder.call()
    assert (call.status, call.http_status, call.remaining_requests) == ("rate_limited", 429, 0)


def test_an_answer_that_is_read_to_check_its_status_is_recorded(url: str, recorder: Recorder) -> None:
    async def check(response: aiohttp.ClientResponse) -> None:
        await response.read()

    assert post(url, _text, raise_for_status=check)
    assert recorder.call().usage_source == "provider"


def test_the_session_s_address_and_headers_count(provider: RunningProvider, recorder: Recorder) -> None:
    async def main() -> None:
        headers = {"Anthropic-Version": "2023-06-01"}
        async with aiohttp.ClientSession(f"{provider.url}/v1/", headers=headers) as session:
            asked = b'{"model": "model", "max_tokens": 5, "messages": [{"role": "user", "content": "How?"}]}'
            async with session.post("messages", data=asked) as response:
                await response.read()

    asyncio.run(main())
    assert (recorder.call().operation, recorder.call().model_requested) == ("messages", "model")


def test_json_that_the_session_writes_is_not_read(url: str) -> None:
    async def main() -> None:
        asked = {"model": "model"} | ASKED
        async with aiohttp.ClientSession() as session, session.post(url, json=asked) as response:
            await response.read()

    with recording(content="full") as recorder:
        asyncio.run(main())
    call = recorder.call()
    assert (call.model_requested, call.model_responded, call.prompt) == ("", "model", "")


def test_what_is_no_call_of_a_model_is_left_alone(provider: RunningProvider, recorder: Recorder) -> None:
    async def main() -> list[type]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{provider.url}/upload", data=b"x") as posted,
            session.get(provider.url) as got,
        ):
            return [type(posted.content), type(got.content)]

    assert asyncio.run(main()) == [aiohttp.StreamReader] * 2
    assert recorder.attempts == []


def test_the_content_is_a_stream_reader_still(url: str, recorder: Recorder) -> None:
    async def look(response: aiohttp.ClientResponse) -> bytes:
        content = response.content
        assert isinstance(content, aiohttp.StreamReader)
        assert content.__class__ is aiohttp.StreamReader
        assert (content.exception(), content.total_bytes >= 0) == (None, True)
        assert repr(content).startswith("<StreamReader")
        return await response.read()

    assert post(url, look)
    assert recorder.call().status == "ok"


class Shouting(aiohttp.StreamReader):
    """Content of the app's own, as something that decrypts or limits brings it."""

    def __init__(self, inner: aiohttp.StreamReader) -> None:
        self.__dict__["inner"] = inner

    def __getattribute__(self, name: str) -> Any:
        if name in ("inner", "read", "__dict__"):
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "inner"), name)

    async def read(self, n: int = -1) -> bytes:
        return (await self.inner.read(n)).upper()


class ShoutingResponse(aiohttp.ClientResponse):
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        started = await super().start(connection)
        self.content = Shouting(self.content)
        return started


def test_content_with_a_read_of_its_own_keeps_it(url: str, recorder: Recorder) -> None:
    async def read(response: aiohttp.ClientResponse) -> bytes:
        return await response.read()

    said = post(url, read, response_class=ShoutingResponse)
    assert said
    assert said == said.upper()
    assert recorder.call().response_bytes == len(said)


def test_attributes_of_the_content_are_the_contents_own(url: str, recorder: Recorder) -> None:
    async def read(response: aiohttp.ClientResponse) -> bytes:
        response.content._high_water = 12345
        assert response.content._high_water == 12345
        return await response.read()

    assert post(url, read)
    assert recorder.call().status == "ok"


def test_headers_that_can_be_read_once_reach_the_server(url: str, recorder: Recorder) -> None:
    async def main() -> str:
        asked = json.dumps({"model": "model"} | ASKED).encode()
        headers: Any = iter([("X-Client-Request-Id", "once")])
        async with aiohttp.ClientSession() as session, session.post(url, data=asked, headers=headers) as response:
            await response.read()
            return response.request_info.headers["X-Client-Request-Id"]

    assert asyncio.run(main()) == "once"
    assert recorder.call().status == "ok"


def test_a_read_that_is_cancelled_and_tried_again_ends_nothing(url: str, recorder: Recorder) -> None:
    async def read(response: aiohttp.ClientResponse) -> bytes:
        said, waits = b"", 0
        while not response.content.at_eof():
            try:
                said += await asyncio.wait_for(response.content.readany(), 0.01)
            except asyncio.TimeoutError:
                waits += 1
        assert waits
        return said

    assert post(url, read, stream=True, model="s5x30-model").endswith(b"data: [DONE]\n\n")
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("ok", "complete", "provider")


def test_what_has_no_address_is_the_apps_mistake_and_not_ours(url: str, recorder: Recorder) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(ValueError, match="broken"):
                await session.post("http://[broken/v1/chat/completions", data=b"{}")

    asyncio.run(main())
    assert (recorder.attempts, recorder.hook_errors) == ([], 0)


def test_an_answer_that_the_session_does_not_unpack_is_read_all_the_same(recorder: Recorder) -> None:
    packed = gzip.compress(b'{"usage": {"prompt_tokens": 5, "completion_tokens": 7}}')

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"content-encoding": "gzip", "content-type": "application/json"})

    async def main() -> Any:
        app = web.Application()
        app.router.add_post("/chat/completions", answer)
        async with TestServer(app) as server:
            url = str(server.make_url("/chat/completions"))
            return await asyncio.to_thread(post, url, aiohttp.ClientResponse.read, auto_decompress=False)

    assert asyncio.run(main()) == packed
    assert (recorder.call().output_tokens, recorder.call().error_code) == (7, "")
