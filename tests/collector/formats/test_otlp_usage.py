"""The tokens of a span become inclusive counts, whether or not the tracer counted that way."""

from __future__ import annotations

from typing import Any

import pytest
from otlp_requests import a_chat, read


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # The convention's own meaning: the whole includes its parts.
        ({"input": 100, "output": 50, "cache_read": 60, "cache_creation": 20}, (100, 50, 60, 20)),
        # What a provider says that counts the cache apart: it is larger than the whole.
        ({"input": 10, "output": 50, "cache_read": 60, "cache_creation": 20}, (90, 50, 60, 20)),
        # The same, given away by the total alone.
        ({"input": 90, "output": 50, "cache_read": 60, "cache_creation": 20, "total": 220}, (170, 50, 60, 20)),
        ({"input": 90, "output": 50, "cache_read": 60, "cache_creation": 20, "total": 140}, (90, 50, 60, 20)),
        ({"input": 0, "output": 50, "cache_read": 0}, (0, 50, 0, None)),
        ({"input": 100, "total": 150}, (100, 50, None, None)),
        ({"output": 50, "total": 150}, (100, 50, None, None)),
        ({"output": 50, "total": 40}, (None, 50, None, None)),
        ({"input": -1, "output": 50}, (None, 50, None, None)),
        ({"input": "100", "output": 2.5}, (None, None, None, None)),
    ],
)
def test_counts_become_inclusive(said: dict[str, Any], expected: tuple[int | None, ...]) -> None:
    written = {
        "input": "gen_ai.usage.input_tokens",
        "output": "gen_ai.usage.output_tokens",
        "cache_read": "gen_ai.usage.cache_read.input_tokens",
        "cache_creation": "gen_ai.usage.cache_creation.input_tokens",
        "total": "gen_ai.usage.total_tokens",
    }
    (event,) = read(a_chat({written[name]: value for name, value in said.items()}))
    fields = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens")
    assert tuple(event.get(field) for field in fields) == expected
    known = expected[0] is not None and expected[1] is not None
    assert event.get("usage_source", "missing") == ("provider" if known else "missing")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"output": 100, "reasoning": 60}, 100),
        ({"output": 40, "reasoning": 60}, 100),
        ({"output": 80, "reasoning": 60, "total": 150}, 140),
        ({"output": 80, "reasoning": 60, "total": 90}, 80),
    ],
)
def test_reasoning_is_part_of_the_output(said: dict[str, int], expected: int) -> None:
    written = {
        "output": "gen_ai.usage.output_tokens",
        "reasoning": "gen_ai.usage.reasoning.output_tokens",
        "total": "gen_ai.usage.total_tokens",
    }
    attributes = {"gen_ai.usage.input_tokens": 10, **{written[name]: value for name, value in said.items()}}
    (event,) = read(a_chat(attributes))
    assert (event["output_tokens"], event["reasoning_tokens"]) == (expected, 60)
