"""Random answers for every reader of every provider: each is read, and what is sent of it can be stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tokentide.hooks
from hook_recorder import Recorder, recording
from hypothesis import given
from hypothesis import strategies as st
from in_memory_server import EVENTS, JSON, dumped
from tokentide.call import LLMCall
from tokentide.context import Tags
from tokentide.hooks import load_providers
from tokentide.hooks.attempt import CAPTURED_BYTES, Attempt, Flow, Frame
from tokentide.hooks.provider import Route

ROUTES = [Route(provider, endpoint) for provider in load_providers() for endpoint in provider.endpoints]
FILES = Path(tokentide.hooks.__file__).parent.glob("*.py")
# Every word in the readers' files, so that random documents have the keys and the values that they look for.
WORDS = sorted({word for file in FILES for word in re.findall(r'"([A-Za-z_.]+)"', file.read_text("utf-8"))})
KEYS = st.sampled_from(WORDS)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=5),
    lambda inner: st.dictionaries(KEYS, inner | st.lists(inner, max_size=2) | VALUES, max_size=5),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def reader() -> Iterator[Recorder]:
    with recording(content="full") as active:
        yield active


def read(reader: Recorder, route: Route, asked: bytes, body: bytes, headers: Mapping[str, str]) -> LLMCall:
    """The record of an answer that came as one piece."""
    attempt = Attempt(Frame(None, {}, Tags(), None), route, f"https://host/x{route.endpoint.path}", "", asked)
    attempt.flow = Flow(CAPTURED_BYTES)
    attempt.flow.add(body)
    attempt.http_status, attempt.headers, attempt.is_final = 200, headers, True
    attempt.ended = attempt.answered = attempt.started + 1
    reader.attempts = [attempt]
    return reader.call()


@given(st.sampled_from(ROUTES), st.lists(DOCUMENTS, max_size=3), st.booleans())
def test_every_reader_of_every_provider_reads_any_document(
    reader: Recorder, route: Route, documents: list[dict[str, Any]], stream: bool
) -> None:
    if stream:
        body = b"".join(b"data: " + dumped(document) + b"\n\n" for document in documents)
    else:
        body = dumped(documents[0] if documents else {})
    call = read(
        reader, route, dumped(documents[-1] if documents else {}), body, {"content-type": EVENTS if stream else JSON}
    )
    sent = json.loads(call.to_json(), parse_constant=pytest.fail)
    assert all(type(sent[name]) is int and sent[name] >= 0 for name in sent if name.endswith("_tokens"))


@given(st.sampled_from(ROUTES), st.binary(max_size=300), st.sampled_from(["", "gzip", "br"]), st.booleans())
def test_every_reader_of_every_provider_reads_any_bytes(
    reader: Recorder, route: Route, body: bytes, encoding: str, stream: bool
) -> None:
    headers = {"content-type": EVENTS if stream else JSON, "content-encoding": encoding}
    read(reader, route, body, body, headers).to_json()


HEADERS = st.sampled_from(
    [
        *(f"x-ratelimit-{part}-{kind}" for part in ("limit", "remaining", "reset") for kind in ("requests", "tokens")),
        *(f"anthropic-ratelimit-tokens-{part}" for part in ("limit", "remaining", "reset")),
        *("retry-after", "retry-after-ms", "x-request-id", "x-litellm-response-cost", "x-ms-region", "content-length"),
    ]
)
WRITTEN = st.text(max_size=20) | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str)


@given(st.sampled_from(ROUTES), st.dictionaries(HEADERS, WRITTEN, max_size=5))
def test_every_reader_of_every_provider_reads_any_header(
    reader: Recorder, route: Route, headers: dict[str, str]
) -> None:
    sent = json.loads(read(reader, route, b"{}", b"{}", headers).to_json(), parse_constant=pytest.fail)
    assert all(sent.get(name, 0) >= 0 for name in ("retry_after_ms", "reset_requests_ms", "reset_tokens_ms"))
