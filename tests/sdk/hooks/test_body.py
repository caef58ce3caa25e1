"""From bytes to events: however a stream is chunked, encoded or cut, it says the same."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import brotli
import httpx2
import pytest
import zstandard
from hook_recorder import recording
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall
from tokentide.context import Tags
from tokentide.hooks._body import FRAMINGS, Body, event_of, read_body, split_frames
from tokentide.hooks._encodings import MOST_DECODED, decoded
from tokentide.hooks.attempt import HEAD_BYTES, Attempt, Flow, Frame
from tokentide.hooks.document import parse_cut
from tokentide.hooks.openai import PROVIDER
from tokentide.hooks.provider import Route

from server.demo import answers
from server.demo.answers import Answer

ANSWER = Answer(
    request_id="1", model="m", text="word " * 100, input_tokens=9, cached_tokens=4, output_tokens=100, created=0
)
CHAT, RESPONSES = (next(one for one in PROVIDER.endpoints if one.operation == name) for name in ("chat", "responses"))


def sse(events: Any, end: bytes = b"data: [DONE]\n\n") -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + end


def read(
    chunks: list[bytes],
    encoding: str = "",
    everything: bool = True,
    endpoint: Any = CHAT,
    kind: str = "text/event-stream; charset=utf-8",
) -> Body:
    attempt = Attempt(Frame(None, {}, Tags(), None), Route(PROVIDER, endpoint), "http://x", "", b"")
    attempt.flow = Flow(10**9 if everything else HEAD_BYTES)
    for chunk in chunks:
        attempt.flow.add(chunk)
    return read_body(attempt, encoding, kind, everything)


def ask(content: Iterator[bytes], encoding: str, is_left: bool = False) -> None:
    headers = {"content-type": "text/event-stream"} | ({"content-encoding": encoding} if encoding else {})
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=content))
    with (
        httpx2.Client(transport=transport) as client,
        client.stream("POST", "http://api.openai.com/v1/chat/completions", json={"stream": True}) as response,
    ):
        for _ in response.iter_raw():
            if is_left:
                break


def streamed(chunks: list[bytes], encoding: str = "", is_left: bool = False) -> LLMCall:
    """The record of a stream that the app reads to its end, or leaves after the first chunk."""
    with recording() as recorder:
        ask(iter(chunks), encoding, is_left)
        return recorder.call()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.booleans())
def test_the_borders_of_chunks_mean_nothing(sizes: list[int], crlf: bool) -> None:
    stream = sse(answers.chat_events(ANSWER, 20, include_usage=True))
    stream = stream.replace(b"\n", b"\r\n") if crlf else stream
    chunks, at = [], 0
    while at < len(stream):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(stream[at : at + size])
        at += size
    body = read(chunks)
    assert body.is_complete
    assert CHAT.answer(body.document).text == ANSWER.text
    assert CHAT.answer(body.document).tokens["output_tokens"] == 100


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
    ids=["gzip", "deflate", "zstd"],
)
def test_an_encoded_stream_is_read(encoding: str, encode: Any) -> None:
    encoded = encode(sse(answers.chat_events(ANSWER, 20, include_usage=True)))
    body = read([encoded[:50], encoded[50:]], encoding)
    assert CHAT.answer(body.document).text == ANSWER.text


@pytest.mark.parametrize("library", ["backports.zstd", "zstandard"])
def test_each_library_of_zstd_will_do(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {"compression.zstd", "backports.zstd", "zstandard"} - {library}:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, library, import_module(library))
    stream = sse(answers.chat_events(ANSWER, 20, include_usage=True))
    frames = zstandard.compress(stream[:500]) + zstandard.compress(stream[500:])
    body = read([frames[at : at + 70] for at in range(0, len(frames), 70)], "zstd")
    assert (CHAT.answer(body.document).text, body.is_unread, body.is_complete) == (ANSWER.text, False, True)
    assert sum(map(len, decoded([zstandard.compress(bytes(2 * MOST_DECODED))], "zstd"))) == MOST_DECODED


def test_brotli_is_read_where_the_client_has_it() -> None:
    stream = sse(answers.chat_events(ANSWER, 20, include_usage=True))
    call = streamed([brotli.compress(stream)], "br")
    assert (call.output_tokens, call.stream_outcome) == (100, "complete")
    assert sum(map(len, decoded([brotli.compress(bytes(2 * MOST_DECODED))], "br"))) == MOST_DECODED


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip, gzip", lambda text: gzip.compress(gzip.compress(text))),
        ("Deflate,zstd", lambda text: zstandard.compress(zlib.compress(text))),
        ("identity, gzip, ", gzip.compress),
    ],
)
def test_the_last_of_several_encodings_is_taken_off_first(encoding: str, pack: Any) -> None:
    packed = pack(sse(answers.chat_events(ANSWER, 20, include_usage=True)))
    call = streamed([packed[at : at + 70] for at in range(0, len(packed), 70)], encoding)
    assert (call.output_tokens, call.stream_outcome) == (100, "complete")


def test_several_encodings_are_bounded_as_one_is() -> None:
    packed = gzip.compress(gzip.compress(bytes(2 * MOST_DECODED)))
    assert sum(map(len, decoded([packed], "gzip, gzip"))) == MOST_DECODED
    assert list(decoded([packed], "gzip, compress")) == list(decoded([packed], ", ".join(["gzip"] * 6))) == []


def test_an_encoding_whose_library_the_client_has_not_leaves_the_usage_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    body = read([zstandard.compress(sse(answers.chat_events(ANSWER, 20, include_usage=True)))], "zstd")
    assert (CHAT.answer(body.document).tokens, body.is_unread) == ({}, True)


def test_an_unknown_encoding_leaves_the_usage_unknown() -> None:
    body = read([b"\x1f\x9d..."], "compress")
    assert CHAT.answer(body.document).tokens == {}


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_an_encoded_stream_goes_through_the_engine_whole(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zstandard.compress
    # It must be longer than the beginning that is kept of a stream that is not compressed.
    encoded = pack(
        b"".join(b": %d\n\n" % (number**9) for number in range(2000))
        + sse(answers.chat_events(ANSWER, 100, include_usage=True))
    )
    assert len(encoded) > HEAD_BYTES
    headers = {"content-encoding": encoding, "content-type": "text/event-stream"}
    chunks = (encoded[at : at + 100] for at in range(0, len(encoded), 100))
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=chunks))
    url = "http://api.openai.com/v1/chat/completions"
    with (
        recording() as recorder,
        httpx2.Client(transport=transport) as client,
        client.stream("POST", url, json={"stream": True}) as response,
    ):
        text = b"".join(response.iter_bytes())
    call = recorder.call()
    assert text.endswith(b"[DONE]\n\n")
    assert (call.output_tokens, call.stream_outcome, call.provider, call.host) == (
        100,
        "complete",
        "openai",
        "api.openai.com",
    )


@pytest.mark.parametrize("encoding", ["GZIP", " gzip ", "Deflate"])
def test_the_name_of_an_encoding_may_be_written_otherwise(encoding: str) -> None:
    encode = zlib.compress if encoding == "Deflate" else gzip.compress
    encoded = encode(b": wait\n\n" * 9000 + sse(answers.chat_events(ANSWER, 20, include_usage=True)), 0)
    call = streamed([encoded[at : at + 4000] for at in range(0, len(encoded), 4000)], encoding)
    assert (call.output_tokens, call.stream_outcome) == (100, "complete")


def test_how_a_stream_went_is_unknown_where_its_end_cannot_be_read() -> None:
    assert streamed([b"\x1f\x9d..."], "compress").stream_outcome == ""
    assert streamed([b"\x1f\x9d..."] * 2, "compress", is_left=True).stream_outcome == ""
    assert streamed([sse([{}], b"")] * 2, is_left=True).stream_outcome == "abandoned"


def test_a_stream_that_an_error_ends_is_broken_whether_or_not_it_can_be_read() -> None:
    def content() -> Iterator[bytes]:
        yield b"\x1f\x9d..."
        raise httpx2.ReadError("the connection is gone")

    with recording() as recorder:
        with pytest.raises(httpx2.ReadError):
            ask(content(), "compress")
        assert recorder.call().stream_outcome == "broken"


@pytest.mark.parametrize("kind", ["", "text/plain", "text/html; charset=utf-8", "application/json"])
@pytest.mark.parametrize("beginning", [b"", b": wait\n\n", b"event: x\r\n", b"\n"])
def test_events_that_are_not_named_as_such_are_known_by_their_beginning(beginning: bytes, kind: str) -> None:
    stream = beginning + sse(answers.chat_events(ANSWER, 20, include_usage=True))
    body = read([stream[:1], stream[1:3], stream[3:]], kind=kind)
    assert (body.is_stream, body.is_complete, CHAT.answer(body.document).text) == (True, True, ANSWER.text)


def test_a_document_that_is_not_named_as_such_is_one() -> None:
    body = read([json.dumps(answers.chat(ANSWER)).encode()], kind="")
    assert (body.is_stream, CHAT.answer(body.document).text) == (False, ANSWER.text)


def test_the_first_content_is_where_it_came() -> None:
    chunks = [sse([event], b"") for event in answers.chat_events(ANSWER, 5, include_usage=True)]
    assert read(chunks).first_content == 1
    assert read(chunks, everything=False).first_content == 1


def test_a_last_event_that_is_longer_than_what_is_kept_still_counts() -> None:
    long = Answer(
        request_id="1", model="m", text="word " * 9000, input_tokens=9, cached_tokens=4, output_tokens=9000, created=0
    )
    stream = sse(answers.response_events(long, 50), b"")
    chunks = [stream[at : at + 1000] for at in range(0, len(stream), 1000)]
    body = read(chunks, everything=False, endpoint=RESPONSES)
    assert body.is_cut
    assert body.is_complete
    assert RESPONSES.answer(body.document).tokens["output_tokens"] == 9000


def test_a_cut_document_still_says_its_usage() -> None:
    document = json.dumps(answers.chat(ANSWER)).encode()
    found = parse_cut(document[:200], document[-400:])
    assert CHAT.answer(found).model == "m"
    assert CHAT.answer(found).tokens["input_tokens"] == 9


def test_text_that_looks_like_a_usage_is_none() -> None:
    text = json.dumps({"text": '"usage": {"prompt_tokens": 1}', "model": "m"}).encode()
    assert parse_cut(text, b"") == {"model": "m"}


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b'event: x\ndata: {"a": 1}', {"a": 1}),
        (b'data: {"a":\ndata: 1}', {"a": 1}),
        (b"data: [DONE]", {"type": "[DONE]"}),
        (b": a comment", None),
        (b"data: not json", None),
        (b"data: 3", None),
    ],
)
def test_one_event(frame: bytes, event: dict[str, Any] | None) -> None:
    assert event_of(frame) == event


def test_an_unfinished_event_waits() -> None:
    assert split_frames(b"data: 1\r\n\r\ndata: 2") == [b"data: 1", b"data: 2"]


def test_lines_of_json_are_events_too() -> None:
    lines = FRAMINGS["application/x-ndjson"]
    *frames, rest = lines.split(b'{"a": 1}\n\nnot json\r\n{"b": ')
    assert [lines.event(frame) for frame in frames] == [{"a": 1}, None, None]
    assert rest == b'{"b": '
