"""A stream that is watched behaves as the library's own, and nothing that was kept of it outlives its end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import httpx
import httpx2
import openai
import pytest
from hook_clients import MESSAGES
from hook_recorder import Recorder, recording
from tokentide.hooks.attempt import HEAD_BYTES, TAIL_BYTES, Flow

from server.demo.provider import RunningProvider

ADDRESS = "https://api.openai.com/v1/chat/completions"
ASKED = {"model": "m", "stream": True}
EVENTS = {"content-type": "text/event-stream"}
LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2])


def streaming(library: ModuleType, content: Iterator[bytes], **headers: str) -> Any:
    named = EVENTS | {name.replace("_", "-"): value for name, value in headers.items()}
    return library.MockTransport(lambda request: library.Response(200, headers=named, content=content))


@pytest.mark.parametrize("hosts", [(), ("127.0.0.1",)], ids=["", "asking for usage"])
def test_the_time_that_an_answer_took_can_be_asked_for(provider: RunningProvider, hosts: tuple[str, ...]) -> None:
    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="key") as client:
            asked: Any = {"model": "s3x0-model", "messages": MESSAGES, "stream": True}
            async with client.chat.completions.with_streaming_response.create(**asked) as answer:
                async for _ in answer.iter_lines():
                    pass
                assert answer.elapsed.total_seconds() > 0

    with recording(include_usage_hosts=hosts):
        asyncio.run(main())
        with openai.OpenAI(base_url=provider.openai_url, api_key="key") as client:
            answer = client.chat.completions.with_raw_response.create(
                model="s3x0-model",
                messages=MESSAGES,  # type: ignore[arg-type]  # they are plain
                stream=True,
            )
            list(answer.parse())
            assert answer.elapsed.total_seconds() > 0


@pytest.mark.parametrize("hosts", [(), ("api.openai.com",)], ids=["", "asking for usage"])
def test_a_stream_that_is_left_ends_at_once_and_in_the_same_task(hosts: tuple[str, ...]) -> None:
    """As httpx2 sees to it by itself: what a transport opened in a task must be closed in it."""
    seen: list[object] = []

    async def content() -> AsyncIterator[bytes]:
        task = asyncio.current_task()
        try:
            for _ in range(9):
                yield b"data: {}\n\n"
        finally:
            seen.append(asyncio.current_task() is task)

    async def main() -> None:
        transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=EVENTS, content=content()))
        async with httpx2.AsyncClient(transport=transport) as client:
            async with client.stream("POST", ADDRESS, json=ASKED) as answer:
                pieces = answer.aiter_raw()
                await anext(pieces)
                await pieces.aclose()
            seen.append("closed")

    with recording(include_usage_hosts=hosts):
        asyncio.run(main())
    assert seen == [True, "closed"]


@LIBRARIES
@pytest.mark.parametrize("is_async", [False, True])
def test_an_answer_that_the_app_keeps_does_not_keep_what_was_recorded(library: ModuleType, is_async: bool) -> None:
    def flows() -> list[Flow]:
        gc.collect()
        return [each for each in gc.get_objects() if type(each) is Flow]

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: {}\n\n"

    async def read() -> Any:
        transport = library.MockTransport(lambda request: library.Response(200, headers=EVENTS, content=pieces()))
        async with library.AsyncClient(transport=transport) as client:
            return await client.send(client.build_request("POST", ADDRESS, json=ASKED), stream=True)

    before = flows()
    with recording() as recorder:
        if is_async:

            async def main() -> Any:
                opened = await read()
                await opened.aread()
                return opened

            answer = asyncio.run(main())
        else:
            with library.Client(transport=streaming(library, iter([b"data: {}\n\n"]))) as client:
                answer = client.send(client.build_request("POST", ADDRESS, json=ASKED), stream=True)
                answer.read()
        assert recorder.call().stream_outcome == "broken"  # it has no end mark
        recorder.attempts.clear()
        assert [flow for flow in flows() if not any(flow is known for known in before)] == []
    assert answer.content == b"data: {}\n\n"


@LIBRARIES
def test_a_stream_may_be_read_on_after_its_end(library: ModuleType, recorder: Recorder) -> None:
    class Again(library.SyncByteStream):  # type: ignore[misc, name-defined]  # of either library
        def __iter__(self) -> Iterator[bytes]:
            yield b"data: {}\n\n"

    answer = library.Response(200, headers=EVENTS, stream=Again())
    with library.Client(transport=library.MockTransport(lambda request: answer)) as client:
        opened = client.send(client.build_request("POST", ADDRESS, json=ASKED), stream=True)
        stream = opened.stream
        assert list(stream) == list(stream) == [b"data: {}\n\n"]
        stream.close()
    assert recorder.call().chunks == 1


def test_of_a_stream_that_nothing_unpacks_only_the_ends_are_kept(recorder: Recorder) -> None:
    content = iter([b"\xff" * 4096] * 100)
    with httpx2.Client(transport=streaming(httpx2, content, content_encoding="compress")) as client:
        opened = client.send(client.build_request("POST", ADDRESS, json=ASKED), stream=True)
        for _ in opened.iter_raw():
            pass
    (attempt,) = recorder.attempts
    assert attempt.flow is not None
    assert sum(map(len, [*attempt.flow.head, *attempt.flow.tail])) <= HEAD_BYTES + TAIL_BYTES + 4096
    assert recorder.call().usage_source == "missing"
