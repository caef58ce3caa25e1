"""The opt-in that asks for the usage of chat streams, with the real client library over loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import httpx
import httpx2
import pytest
import zstandard
from hook_clients import APIS, AsyncCaller, Caller, SyncCaller
from hook_recorder import Recorder, recording
from hypothesis import given
from hypothesis import strategies as st
from tokentide.hooks import _httpx
from tokentide.hooks._include_usage import WithoutUsage, asking_for_usage

from server.demo.provider import RunningProvider

CHAT = next(api for api in APIS if api.operation == "chat")
URL = "http://127.0.0.1/v1/chat/completions"
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1}}\n\n'
EVENTS = [
    b'data: {"id":"c","choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n',
    b'data: {"id":"c","choices":[],"prompt_filter_results":[]}\r\n\r\n',
    b": a comment\n\n",
    b'data: {"choices": [], "usage": nonsense}\n\n',
    b"data: [DONE]\n\n",
]


@pytest.fixture
def asking() -> Iterator[Recorder]:
    with recording(include_usage_hosts=("127.0.0.1",)) as active:
        yield active


@pytest.fixture(params=[SyncCaller, AsyncCaller], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A caller whose streams do not ask for their usage."""
    monkeypatch.delitem(CHAT.asked_of_streams, "stream_options")
    return request.param(CHAT, provider.url)


def said(events: list[object]) -> list[object]:
    return [event.choices for event in events]  # type: ignore[attr-defined]  # the client library's own type


def test_a_stream_of_a_named_host_has_its_usage(caller: Caller, asking: Recorder, provider: RunningProvider) -> None:
    caller.stream("fail1-s5x0-model")
    _, call = asking.calls()
    assert call.usage_source == "provider"
    assert call.output_tokens == provider.log.answered[-1].usage["output_tokens"]
    assert call.stream_outcome == "complete"


def test_the_app_sees_the_stream_that_it_asked_for(caller: Caller, provider: RunningProvider) -> None:
    _, bare = caller.stream("s5x0-model")
    with recording(include_usage_hosts=("127.0.0.1",)):
        stream, events = caller.stream("s5x0-model")
        _, few = caller.stream("s50x0-model", take=2)
    assert said(events) == said(bare)
    assert len(few) == 2
    assert stream.response.headers["content-type"].startswith("text/event-stream")


def test_other_hosts_get_the_request_as_it_was(caller: Caller) -> None:
    with recording(include_usage_hosts=("api.example",)) as recorder:
        caller.stream("s5x0-model")
    assert recorder.call().usage_source == "missing"


def test_an_app_that_asked_itself_keeps_its_chunk(provider: RunningProvider, asking: Recorder) -> None:
    _, events = SyncCaller(CHAT, provider.url).stream("s3x0-model")
    assert events[-1].usage is not None
    assert asking.call().usage_source == "provider"


def test_a_plain_call_is_not_touched(caller: Caller, asking: Recorder) -> None:
    assert type(caller.unary("model")).__name__ == "ChatCompletion"
    assert asking.call().usage_source == "provider"


@pytest.mark.parametrize(
    ("owner", "name"),
    [(_httpx, "asking_for_usage"), (_httpx, "covered"), (WithoutUsage, "__init__"), (WithoutUsage, "feed")],
)
def test_a_fault_in_it_leaves_the_app_its_stream(
    owner: object, name: str, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bare = caller.stream("s5x0-model")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault in the hook")

    with monkeypatch.context() as patched, recording(include_usage_hosts=("127.0.0.1",)) as recorder:
        patched.setattr(owner, name, broken)
        _, events = caller.stream("s5x0-model")
    assert recorder.hook_errors > 0
    assert said(events)[: len(bare)] == said(bare)


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("Deflate", zlib.compress),
        ("zstd", zstandard.compress),
        ("gzip, deflate", lambda text: zlib.compress(gzip.compress(text))),
    ],
)
def test_an_answer_that_is_compressed_all_the_same_is_shown_without_that_chunk(
    library: Any, encoding: str, pack: Callable[[bytes], bytes], asking: Recorder
) -> None:
    packed = pack(EVENTS[0] + USAGE + EVENTS[-1])
    answer = {"content-type": "text/event-stream", "content-encoding": encoding, "content-length": str(len(packed))}

    def answered(content: Any) -> Any:
        return library.MockTransport(lambda request: library.Response(200, headers=answer, content=content))

    async def read() -> bytes:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(len(packed)):
                yield packed[at : at + 1]

        async with (
            library.AsyncClient(transport=answered(pieces())) as client,
            client.stream("POST", URL, json={"stream": True}) as response,
        ):
            return b"".join([piece async for piece in response.aiter_raw()])

    pieces = (packed[at : at + 1] for at in range(len(packed)))
    with (
        library.Client(transport=answered(pieces)) as client,
        client.stream("POST", URL, json={"stream": True}) as response,
    ):
        assert b"".join(response.iter_bytes()) == EVENTS[0] + EVENTS[-1]
        assert not {"content-encoding", "content-length"} & set(response.headers)
    assert asyncio.run(read()) == EVENTS[0] + EVENTS[-1]
    assert [call.usage_raw for call in asking.calls()] == ['{"prompt_tokens":1}'] * 2


@pytest.mark.parametrize("kind", [{}, {"content-type": "Text/Event-Stream"}, {"content-type": "text/html"}])
def test_events_need_not_be_named_as_such(kind: dict[str, str], asking: Recorder) -> None:
    content = iter([EVENTS[0], USAGE, EVENTS[-1]])
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=kind, content=content))
    with httpx.Client(transport=transport) as client, client.stream("POST", URL, json={"stream": True}) as response:
        assert response.read() == EVENTS[0] + EVENTS[-1]
    assert asking.call().usage_raw == '{"prompt_tokens":1}'


def test_an_answer_that_the_client_cannot_unpack_is_left_as_it_is(asking: Recorder) -> None:
    answer = {"content-type": "text/event-stream", "content-encoding": "rot13"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=answer, content=iter([USAGE])))
    with httpx.Client(transport=transport) as client, client.stream("POST", URL, json={"stream": True}) as response:
        assert response.read() == USAGE
        assert response.headers["content-encoding"] == "rot13"
    assert asking.call().usage_source == "missing"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"stream":false}', b'{"stream":true,"stream_options":{"include_usage":false}}']
)
def test_what_is_no_stream_without_options_stays_as_it_is(content: bytes) -> None:
    request = httpx.Request("POST", "http://h/v1/chat/completions", content=content)
    assert asking_for_usage(request, ("h",)) is None


def test_nothing_else_of_the_request_changes() -> None:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "ü"}]}
    headers = [("authorization", "Bearer k"), ("x-twice", "1"), ("x-twice", "2"), ("accept-encoding", "gzip")]
    request = httpx.Request("POST", "http://h/v1/chat/completions", json=body, headers=headers)
    asked = asking_for_usage(request, ("h",))
    assert json.loads(asked.content) == {**body, "stream_options": {"include_usage": True}}
    assert asked.headers["content-length"] == str(len(asked.content))
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers.get_list("x-twice") == ["1", "2"]
    assert asked.headers["authorization"] == "Bearer k"


@given(st.lists(st.sampled_from([*EVENTS, USAGE]), max_size=12), st.data())
def test_only_the_usage_chunk_is_taken_out_however_the_stream_is_cut(events: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    without = WithoutUsage()
    bounds = [0, *cuts, len(whole)]
    seen = b"".join(without.feed(whole[start:end]) for start, end in pairwise(bounds))
    assert seen + without.rest() == b"".join(event for event in events if event != USAGE)


def test_an_answer_that_is_read_at_once_is_left_as_it_is(provider: RunningProvider, asking: Recorder) -> None:
    """It could not be covered any more, and the app would see the additional chunk."""
    body = {"model": "s3x0-model", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    answer = httpx.post(f"{provider.openai_url}/chat/completions", json=body)
    assert b'"choices":[]' not in answer.content.replace(b" ", b"")
    assert asking.call().usage_source == "missing"


def test_a_long_event_passes_as_it_comes() -> None:
    without, piece = WithoutUsage(), b"x" * 8192
    passed = [without.feed(piece) for _ in range(100)]
    assert sum(map(len, passed)) > 99 * 8192
    assert without.feed(b"\n\n" + USAGE + EVENTS[0]) + without.rest() == b"xxxx\n\n" + EVENTS[0]


def test_lines_may_end_with_a_carriage_return() -> None:
    without, events = WithoutUsage(), [event.replace(b"\n", b"\r").replace(b"\r\r\r\r", b"\r\r") for event in EVENTS]
    assert [without.feed(event) for event in (events[0], USAGE.replace(b"\n", b"\r"), events[-1])] == [
        events[0],
        b"",
        events[-1],
    ]
