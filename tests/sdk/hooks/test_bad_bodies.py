"""Answers as they should not be: the app gets what it would have got without the hook, and there is one record."""

from __future__ import annotations

import gzip
import json
import math
import tracemalloc
import zlib
from typing import Any

import anthropic
import openai
import pytest
from hook_clients import MESSAGES
from hook_recorder import Recorder, recording
from in_memory_server import EVENTS, HTTP, JSON, answering, dumped
from tokentide.call import LLMCall
from tokentide.hooks.attempt import BODY_BYTES, HEAD_BYTES, TAIL_BYTES

CHAT = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
NESTED = b"[" * 100_000 + b"]" * 100_000
EVENT = b'data: {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "empty": (b"", {}),
    "truncated": (dumped(CHAT)[:-9], {}),
    "not JSON": (b"<html>502 Bad Gateway</html>", {}),
    "not UTF-8": (b'{"id": "\xff\xfe"}', {}),
    "a list": (b"[1, 2]", {}),
    "a text": (b'"hello"', {}),
    "null": (b"null", {}),
    "nested": (NESTED, {}),
    "nested usage": (b'{"usage": ' + NESTED + b"}", {}),
    "a huge number": (b'{"usage": {"prompt_tokens": ' + b"9" * 5000 + b"}}", {}),
    "wrongly typed": (dumped({"id": 3, "model": [1], "choices": {"a": 1}, "usage": "12", "error": 5}), {}),
    "half a surrogate": (b'{"id": "\\ud800", "model": "\\udfff", "usage": null}', {}),
    "gzip": (gzip.compress(dumped(CHAT)), {"content-encoding": "gzip"}),
    "not gzip": (dumped(CHAT), {"content-encoding": "gzip"}),
    "cut gzip": (gzip.compress(dumped(CHAT))[:-12], {"content-encoding": "gzip"}),
    "brotli": (b"\x8b\x00\x80{}\x03", {"content-encoding": "br"}),
    "an unknown encoding": (dumped(CHAT), {"content-encoding": "rot13"}),
    "absurd headers": (
        dumped(CHAT),
        {
            "x-request-id": "x" * 9000,
            "request-id": "x" * 9000,
            "retry-after": "Fri, 99 Nov 99999 99:99:99 +99999999",
            "retry-after-ms": "nan",
            "x-ratelimit-limit-requests": "9" * 400,
            "x-ratelimit-reset-requests": "9" * 400 + "s",
            "x-ratelimit-reset-tokens": "1e308",
            "anthropic-ratelimit-requests-reset": "9999-99-99",
            "x-litellm-response-cost": "1e999999",
            "x-ms-region": "\t ?",
        },
    ),
}


def ask(package: Any, transport: Any, stream: bool) -> object:
    """What the app sees: the answer as it is dumped or the stream's events, or the kind and text of the exception."""
    http_client = package.DefaultHttpxClient(transport=transport)
    make = openai.OpenAI if package is openai else anthropic.Anthropic
    with make(api_key="key", http_client=http_client, max_retries=0) as client:
        try:
            if package is openai:
                answer = client.chat.completions.create(model="m", messages=MESSAGES, stream=stream)
            else:
                answer = client.messages.create(model="m", messages=MESSAGES, max_tokens=5, stream=stream)
            return [repr(event) for event in answer] if stream else repr(answer)
        except Exception as error:  # noqa: BLE001  # whatever the client library makes of it
            return type(error), str(error)


def same(package: Any, body: bytes, headers: dict[str, str], stream: bool, http_status: int = 200) -> LLMCall:
    """The record of a call, of which the app saw the same as without the hook."""
    transport = answering(body, headers, http_status, EVENTS if stream else JSON)
    bare = ask(package, transport, stream)
    with recording(content="full") as recorder:
        assert ask(package, transport, stream) == bare
    call = recorder.call()
    json.loads(call.to_json(), parse_constant=pytest.fail)
    return call


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("http_status", [200, 500])
@pytest.mark.parametrize("package", [openai, anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize("name", BODIES)
def test_the_app_gets_what_it_would_have_got(name: str, package: Any, http_status: int, stream: bool) -> None:
    body, headers = BODIES[name]
    call = same(package, body, headers, stream, http_status)
    assert (call.usage_source, call.input_tokens) == ("missing", None)
    if call.error_code == "DecodingError":  # raised before the client of the app had an answer at all
        assert call.status == "server_error"
    else:
        assert (call.http_status, call.status == "ok") == (http_status, http_status == 200)
    assert max(len(call.request_id), len(call.usage_raw), len(call.model_responded)) <= 8192


WRONG = ["truncated", "not JSON", "a list", "a text", "null"]


@pytest.mark.parametrize("is_raw", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("name", BODIES)
def test_a_good_answer_without_an_object_says_so(name: str, is_raw: bool) -> None:
    if name in WRONG:
        assert told(*BODIES[name], is_raw) == ("ok", "unreadable_body")
        assert told(BODIES[name][0], {"content-type": "text/html"}, is_raw) == ("ok", "unreadable_body")
    elif name in ("empty", "gzip", "brotli", "an unknown encoding", "absurd headers", "wrongly typed"):
        assert told(*BODIES[name], is_raw) == ("ok", "")


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("audio/speech", "audio/mpeg", b"ID3\x04"),
        ("audio/speech", JSON, b"ID3\x04"),
        ("audio/transcriptions", "text/plain; charset=utf-8", b"Hello."),
        ("audio/transcriptions", JSON, b'"Hello."'),
        ("images/generations", "image/png", b"\x89PNG"),
        ("chat/completions", "application/octet-stream", b"\x00\x01"),
        ("chat/completions", JSON, b"{}"),
        ("chat/completions", JSON, b" \n"),
        ("chat/completions", "application/problem+json", dumped(CHAT)),
    ],
)
def test_an_answer_that_may_be_so_is_not_called_unreadable(path: str, kind: str, body: bytes) -> None:
    assert told(body, {"content-type": kind}, False, path) == ("ok", "")


def test_an_answer_that_the_app_left_or_that_was_not_kept_whole_is_not_called_unreadable() -> None:
    with recording() as recorder, HTTP.Client(transport=answering(dumped(CHAT)[:-9])) as client:
        with client.stream("POST", "https://api.openai.com/v1/chat/completions", json={}):
            pass
        assert recorder.call().error_code == ""
    assert told(b'{"a": "' + b"x" * BODY_BYTES, {}, False) == ("ok", "")


def told(body: bytes, headers: dict[str, str], is_raw: bool, path: str = "chat/completions") -> tuple[str, str]:
    """The status and the error of a call, of which the app reads the answer as it comes over the line, or whole."""
    with recording() as recorder, HTTP.Client(transport=answering(body, headers)) as client:
        address = f"https://api.openai.com/v1/{path}"
        if is_raw:
            with client.stream("POST", address, json={}) as response:
                list(response.iter_raw())
        else:
            client.post(address, json={})
        call = recorder.call()
    return call.status, call.error_code


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "12",
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": "12", "completion_tokens": "3"},
        {"prompt_tokens": -1, "completion_tokens": 2**70},
        {"prompt_tokens": 1.5, "completion_tokens": math.inf},
        {"input_tokens": True, "output_tokens": {}},
    ],
)
@pytest.mark.parametrize("package", [openai, anthropic], ids=["openai", "anthropic"])
def test_a_usage_that_says_nothing_is_missing_and_never_zero(package: Any, usage: Any) -> None:
    document = (CHAT if package is openai else MESSAGE) | {"usage": usage}
    call = same(package, dumped(document), {}, stream=False)
    assert (call.usage_source, call.input_tokens, call.output_tokens) == ("missing", None, None)


def test_a_part_is_never_more_than_the_whole() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 50, "audio_tokens": 90}}
    answered = {"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 80}}
    usage = {"prompt_tokens": 10, "total_tokens": 1} | details | answered
    call = same(openai, dumped(CHAT | {"usage": usage}), {}, stream=False)
    assert (call.input_tokens, call.cache_read_tokens, call.input_audio_tokens) == (10, 10, 10)
    assert (call.output_tokens, call.reasoning_tokens) == (5, 5)
    assert json.loads(call.usage_raw) == usage


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_of_50_megabytes_only_the_ends_are_kept(stream: bool) -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 30}
    size = 50 * 1024 * 1024
    if stream:
        body = EVENT * (size // len(EVENT)) + b"data: " + dumped(CHAT | {"usage": usage}) + b"\n\ndata: [DONE]\n\n"
    else:
        body = dumped(CHAT | {"junk": "x" * size, "usage": usage})
    transport = answering(body, content_type=EVENTS if stream else JSON)
    with recording() as recorder, HTTP.Client(transport=transport) as client:
        got = client.post("https://api.openai.com/v1/chat/completions", json={"stream": stream}).content
    assert got == body
    (attempt,) = recorder.attempts
    assert len(attempt.body) + len(attempt.tail) <= max(BODY_BYTES, HEAD_BYTES + TAIL_BYTES)
    assert (recorder.call().input_tokens, recorder.call().output_tokens) == (12, 30)


def test_a_compressed_answer_is_unpacked_only_so_far(recorder: Recorder) -> None:
    """Half a gigabyte of zeros is half a megabyte when compressed."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(512)) + packer.flush()
    with (
        HTTP.Client(transport=answering(body, {"content-encoding": "gzip"})) as client,
        client.stream("POST", "https://api.openai.com/v1/chat/completions", json={}) as response,
    ):
        assert b"".join(response.iter_raw()) == body
    tracemalloc.start()
    recorder.call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * 1024 * 1024
