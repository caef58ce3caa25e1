"""How Google counts tokens, and what the event says of it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hook_recorder import Recorder
from in_memory_server import answering, streaming
from tokentide.hooks.google import content_tokens

URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models"


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


@pytest.mark.parametrize(
    ("candidates", "usage", "output"),
    [
        ({}, {"promptTokenCount": 1000, "totalTokenCount": 1000}, 0),
        ({"candidates": []}, {"promptTokenCount": 1000, "totalTokenCount": 1000}, 0),
        (
            {"candidates": [{"content": {"parts": [{"text": "a"}]}, "index": 0}]},
            {"promptTokenCount": 1000, "candidatesTokenCount": 5, "totalTokenCount": 1005},
            5,
        ),
    ],
)
def test_an_answer_that_does_not_say_why_it_ended_keeps_its_counts(
    candidates: dict[str, Any], usage: dict[str, int], output: int, recorder: Recorder
) -> None:
    answer = {**candidates, "usageMetadata": usage, "modelVersion": "gemini-3-pro"}
    with httpx2.Client(transport=answering(answer)) as client:
        client.post(f"{URL}:generateContent", json={})
    with httpx2.Client(transport=streaming([answer])) as client:
        client.post(f"{URL}:streamGenerateContent", json={})
    call, stream = recorder.calls()
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (1000, output, "provider")
    assert (stream.input_tokens, stream.output_tokens, stream.usage_source) == (1000, None, "missing")


@pytest.mark.parametrize(
    ("model", "prediction", "tokens"),
    [
        ("text-embedding-large-exp-03-07", {"embeddings": {"statistics": {"token_count": 7}}}, (7, 0)),
        ("multimodalembedding@001", {"textEmbedding": [0.5], "imageEmbedding": [0.5]}, (None, None)),
    ],
)
def test_every_model_that_embeds_is_recorded(
    model: str, prediction: dict[str, Any], tokens: tuple[int | None, int | None], recorder: Recorder
) -> None:
    with httpx2.Client(transport=answering({"predictions": [prediction]})) as client:
        client.post(f"{VERTEX}/{model}:predict", json={"instances": [{"content": "x"}]})
    call = recorder.call()
    assert (call.operation, call.model_requested) == ("embeddings", model)
    assert (call.input_tokens, call.output_tokens) == tokens
