"""Usage in the providers' words → inclusive counts in ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokentide.hooks import load_providers
from tokentide.hooks.anthropic import message_tokens
from tokentide.hooks.openai import chat_tokens
from tokentide.hooks.openai_responses import response_tokens

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "usage",
        "error",
        "type",
        "model",
        "id",
        "output",
        "input",
        "messages",
        "role",
        "input_tokens",
        "prompt_tokens",
        "input_tokens_details",
        "cache_creation",
        "response",
        "index",
    ]
)
DOCUMENTS = st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=4) | st.lists(JSON), max_size=6)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 120,
                "completion_tokens": 96,
                "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 3, "cache_write_tokens": 7},
                "completion_tokens_details": {"reasoning_tokens": 40, "audio_tokens": 5},
            },
            {
                "input_tokens": 120,
                "cache_read_tokens": 64,
                "cache_write_5m_tokens": 7,
                "output_tokens": 96,
                "reasoning_tokens": 40,
                "input_audio_tokens": 3,
                "output_audio_tokens": 5,
            },
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 0, "prompt_tokens_details": None},
            {"input_tokens": 9, "cache_read_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0},
        ),
        ({}, {}),
        (None, {}),
    ],
)
def test_chat_counts_are_inclusive_already(usage: Any, expected: dict[str, int]) -> None:
    assert chat_tokens(usage) == expected


def test_response_counts_are_inclusive_already() -> None:
    usage = {
        "input_tokens": 120,
        "input_tokens_details": {"cached_tokens": 64},
        "output_tokens": 96,
        "output_tokens_details": {"reasoning_tokens": 40},
    }
    assert response_tokens(usage) == {
        "input_tokens": 120,
        "cache_read_tokens": 64,
        "output_tokens": 96,
        "reasoning_tokens": 40,
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"input_tokens": 12, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 8, "output_tokens": 96},
            {"input": 120, "read": 100, "5m": 8, "1h": 0, "output": 96},
        ),
        (
            {
                "input_tokens": 12,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
                "output_tokens": 1,
            },
            {"input": 42, "read": 0, "5m": 10, "1h": 20, "output": 1},
        ),
        ({"input_tokens": 12}, {"input": 12, "read": 0, "5m": 0, "1h": 0, "output": None}),
    ],
)
def test_message_counts_become_inclusive(usage: dict[str, Any], expected: dict[str, int | None]) -> None:
    tokens = message_tokens(usage)
    assert {
        "input": tokens["input_tokens"],
        "read": tokens["cache_read_tokens"],
        "5m": tokens["cache_write_5m_tokens"],
        "1h": tokens["cache_write_1h_tokens"],
        "output": tokens.get("output_tokens"),
    } == expected


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_parts_of_a_message_never_exceed_its_input(plain: int, read: int, written: int, hour: int) -> None:
    tokens = message_tokens(
        {
            "input_tokens": plain,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "cache_creation": {"ephemeral_1h_input_tokens": hour},
        }
    )
    parts = sum(tokens[name] for name in ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"))
    assert parts + plain == tokens["input_tokens"]


@given(st.lists(DOCUMENTS, max_size=4))
def test_no_reader_raises_whatever_a_server_sends(documents: list[dict[str, Any]]) -> None:
    for provider in load_providers():
        for endpoint in provider.endpoints:
            folded = endpoint.fold(documents)
            for document in (*documents, folded):
                endpoint.answer(document)
                endpoint.prompt(document)
                endpoint.has_content(document)
                endpoint.is_end(document)
                provider.failure(document)
