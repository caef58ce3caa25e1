"""What Bedrock's answers say → counts, regions and prices."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hook_recorder import Recorder
from in_memory_server import answering, streaming
from tokentide.hooks.bedrock import PROVIDER, tokens

from collector.price_book.resolve import UNKNOWN, Resolver

URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model"


@pytest.mark.parametrize(
    "model",
    [
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.nova-lite-v1:0",
        "meta.llama3-1-8b-instruct-v1:0",
    ],
)
def test_its_models_have_a_price(model: str) -> None:
    host = "bedrock-runtime.us-east-1.amazonaws.com"
    assert Resolver().key(PROVIDER.name, host, model, "", "") != UNKNOWN


def test_the_region_is_in_the_host() -> None:
    hosts = {
        "bedrock-runtime.eu-central-1.amazonaws.com": "eu-central-1",
        "bedrock-runtime-fips.us-gov-west-1.amazonaws.com": "us-gov-west-1",
        "vpce-0a1b.bedrock-runtime.us-east-1.vpce.amazonaws.com": "us-east-1",
        "127.0.0.1": "",
    }
    assert {host: PROVIDER.region(host, {}) for host in hosts} == hosts


def test_cache_writes_are_told_apart_by_their_time_to_live() -> None:
    usage = {
        "inputTokens": 10,
        "outputTokens": 5,
        "cacheReadInputTokens": 100,
        "cacheWriteInputTokens": 30,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}],
    }
    assert tokens(usage) == {
        "input_tokens": 140,
        "cache_read_tokens": 100,
        "cache_write_5m_tokens": 10,
        "cache_write_1h_tokens": 20,
        "output_tokens": 5,
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3}, (7, 3)),
        ({"inputTokens": 7, "outputTokens": 3, "cacheReadInputTokenCount": 4}, (11, 3)),
        ({"inputTokenCount": 7, "outputTokenCount": 3}, (7, 3)),
        ({"inputTokens": "7"}, (None, None)),
        ({"inputTokens": 7, "outputTokens": None}, (7, None)),
        (None, (None, None)),
        ({}, (None, None)),
    ],
)
def test_every_family_s_counts_are_read(usage: Any, expected: tuple[int | None, int | None]) -> None:
    counted = tokens(usage)
    assert (counted.get("input_tokens"), counted.get("output_tokens")) == expected


def test_an_embedding_has_no_output() -> None:
    headers = {"x-amzn-bedrock-input-token-count": "7"}
    document = {**PROVIDER.in_headers(headers), "embedding": [0.1, 0.2]}
    assert PROVIDER.endpoints[2].answer(document).tokens["output_tokens"] == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"embeddings": [[0.01234567890123] * 1024] * 20, "id": "e", "response_type": "embeddings_floats"},
        {"embeddingsByType": {"binary": [1] * 256}, "inputTextTokenCount": 7},
    ],
    ids=["longer than what is kept", "of bits"],
)
def test_an_embedding_has_no_output_whatever_is_kept_of_it(answer: dict[str, Any], recorder: Recorder) -> None:
    headers = {"x-amzn-bedrock-input-token-count": "7"}
    with httpx2.Client(transport=answering(answer, headers)) as client:
        client.post(f"{URL}/cohere.embed-multilingual-v3/invoke", json={})
    call = recorder.call()
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (7, 0, "provider")


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_the_model_that_a_prompt_router_chose_has_a_price(operation: str, recorder: Recorder) -> None:
    chosen = "anthropic.claude-3-haiku-20240307-v1:0"
    router = {"invokedModelId": f"arn:aws:bedrock:us-east-1::foundation-model/{chosen}"}
    said = {"usage": {"inputTokens": 1, "outputTokens": 2}, "trace": {"promptRouter": router}}
    transport = streaming([{"metadata": said}]) if operation == "converse-stream" else answering(said)
    model = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Adefault-prompt-router%2Fanthropic.claude%3A1"
    with httpx2.Client(transport=transport) as client:
        client.post(f"{URL}/{model}/{operation}", json={"messages": []})
    call = recorder.call()
    assert (call.model_responded, call.output_tokens) == (chosen, 2)
    assert Resolver().key(call.provider, call.host, call.model_requested, call.model_responded, "") != UNKNOWN
