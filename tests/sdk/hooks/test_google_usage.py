"""How Google counts tokens, and what the event says of it."""

from __future__ import annotations

from typing import Any

import pytest
from tokentide.hooks.google import content_tokens


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"promptTokenCount": None, "candidatesTokenCount": 7}, {}),
        ({"promptTokenCount": 5}, {"input_tokens": 5}),
        (
            {"promptTokenCount": 5, "toolUsePromptTokenCount": 3, "candidatesTokenCount": 7, "thoughtsTokenCount": 11},
            {"input_tokens": 8, "output_tokens": 18, "reasoning_tokens": 11},
        ),
        (
            {"promptTokenCount": 5, "candidatesTokenCount": 18, "thoughtsTokenCount": 11, "totalTokenCount": 23},
            {"input_tokens": 5, "output_tokens": 18, "reasoning_tokens": 11},
        ),
        (
            {
                "promptTokenCount": 900,
                "cachedContentTokenCount": 600,
                "candidatesTokenCount": 70,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 100},
                    {"modality": "AUDIO", "tokenCount": 500},
                    {"modality": "IMAGE", "tokenCount": 258},
                ],
                "toolUsePromptTokensDetails": [{"modality": "IMAGE", "tokenCount": 2}],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 400}],
                "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}],
            },
            {
                "input_tokens": 900,
                "cache_read_tokens": 600,
                "cache_read_audio_tokens": 400,
                "input_audio_tokens": 500,
                "input_image_tokens": 260,
                "output_tokens": 70,
                "output_audio_tokens": 60,
            },
        ),
        ({"promptTokenCount": 5, "candidatesTokenCount": "7", "promptTokensDetails": 3}, {"input_tokens": 5}),
    ],
)
def test_usage(usage: Any, expected: dict[str, int]) -> None:
    zero = {"output_tokens": 0, "cache_read_tokens": 0, "reasoning_tokens": 0} if expected else {}
    assert content_tokens(usage, is_whole=True) == zero | expected
