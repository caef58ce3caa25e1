"""The servers that speak OpenAI's language, each with some words of its own."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import httpx2
import openai
import pytest
from hook_clients import MESSAGES
from hook_recorder import Recorder, recording
from in_memory_server import answering, streaming
from tokentide.call import LLMCall
from tokentide.hooks.openai import chat_tokens
from tokentide.hooks.openai_hosts import rate_limits, region

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)
DONE = b"data: [DONE]\n\n"
TOKENS = {"prompt_tokens": 12, "completion_tokens": 30, "total_tokens": 42}
CHAT = {"id": "chatcmpl-1", "model": "m-2026", "choices": [{"index": 0, "message": {"content": "Hello."}}]}
URLS = {
    "openrouter": "https://openrouter.ai/api/v1",
    "perplexity": "https://api.perplexity.ai",
    "xai": "https://eu-west-1.api.x.ai/v1",
    "deepseek": "https://api.deepseek.com",
    "groq": "https://api.groq.com/openai/v1",
    "together": "https://api.together.xyz/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "mistral": "https://api.mistral.ai/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "cohere": "https://api.cohere.ai/compatibility/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "moonshot": "https://api.moonshot.ai/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "zai": "https://api.z.ai/api/paas/v4",
    "huggingface": "https://router.huggingface.co/v1",
    "alibaba": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "nvidia": "https://integrate.api.nvidia.com/v1",
    "openai": "http://localhost:8000/v1",
}


def asked(name: str, transport: httpx2.MockTransport, stream: bool = False) -> LLMCall:
    """The record of a chat through OpenAI's client with the server's address."""
    http_client = openai.DefaultHttpxClient(transport=transport)  # type: ignore[arg-type]  # of another library before 3
    with (
        recording() as recorder,
        openai.OpenAI(base_url=URLS[name], api_key="key", http_client=http_client, max_retries=0) as client,
    ):
        answer = client.chat.completions.create(model="m", messages=MESSAGES, stream=stream)  # type: ignore[call-overload]  # messages are plain
        if stream:
            list(answer)
    return recorder.call()


@pytest.mark.parametrize("name", URLS)
def test_the_host_says_who_answers_openais_client(name: str) -> None:
    call = asked(name, answering({**CHAT, "usage": TOKENS}))
    assert (call.provider, call.input_tokens, call.output_tokens) == (name, 12, 30)


@pytest.mark.parametrize(
    ("url", "name", "where"),
    [
        ("https://us-central1-aiplatform.googleapis.com/v1/endpoints/openapi", "gcp.vertex_ai", "us-central1"),
        ("https://aiplatform.eu.rep.googleapis.com/v1/endpoints/openapi", "gcp.vertex_ai", "eu"),
        ("https://aiplatform.googleapis.com/v1/publishers/openai/v1", "gcp.vertex_ai", "global"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", "aws.bedrock", "us-east-1"),
        ("https://bedrock-runtime-fips.us-west-2.amazonaws.com/openai/v1", "aws.bedrock", "us-west-2"),
        ("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/openai/v1", "aws.bedrock", "us-east-1"),
        ("https://bedrock-mantle.eu-central-1.api.aws/openai/v1", "aws.bedrock", "eu-central-1"),
        ("https://proxy-1.us-east-1.elb.amazonaws.com/v1", "openai", ""),
        ("https://house.openai.azure.us/openai/v1", "azure", ""),
        ("https://house.azure-api.net/openai/deployments/gpt", "azure", ""),
        ("https://house.azure-api.net/openai", "azure", ""),
        ("https://house.models.ai.azure.com", "azure", ""),
        ("https://models.inference.ai.azure.com", "azure", ""),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "alibaba", ""),
    ],
)
def test_the_clouds_answer_openais_client_too(url: str, name: str, where: str, recorder: Recorder) -> None:
    with httpx2.Client(transport=answering({**CHAT, "usage": TOKENS})) as client:
        client.post(f"{url}/v1/chat/completions", json={"model": "m", "messages": MESSAGES})
    assert (recorder.call().provider, recorder.call().region) == (name, where)


@pytest.mark.parametrize(
    ("name", "more", "cost"),
    [
        ("openrouter", {"cost": 0.00123}, "0.00123"),
        ("openrouter", {"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}}, "1.05"),
        ("openrouter", {"cost": 0.05, "is_byok": False, "cost_details": {"upstream_inference_cost": 1}}, "0.05"),
        ("perplexity", {"cost": {"input_tokens_cost": 0.001, "total_cost": 0.006}}, "0.006"),
        ("xai", {"cost_in_usd_ticks": 37756000}, "0.0037756"),
        ("openai", {}, None),
        ("openai", {"cost": "free"}, None),
        ("openai", {"cost": -1}, None),
    ],
)
def test_a_cost_in_the_usage_is_reported(name: str, more: dict[str, Any], cost: str | None) -> None:
    expected = None if cost is None else Decimal(cost)
    assert asked(name, answering({**CHAT, "usage": TOKENS | more})).provider_reported_cost == expected
    last = {"choices": [], "usage": TOKENS | more}
    assert asked(name, streaming([last], end=DONE), stream=True).provider_reported_cost == expected


def test_litellms_proxy_says_the_cost_in_a_header_except_of_streams() -> None:
    headers = {"x-litellm-response-cost": "0.00042"}
    assert asked("openai", answering(CHAT, headers)).provider_reported_cost == Decimal("0.00042")
    assert asked("openai", streaming([CHAT], headers, DONE), stream=True).provider_reported_cost is None


def test_groqs_streams_say_their_usage_in_a_place_of_their_own() -> None:
    events = [
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}}], "x_groq": {"id": "req_1"}},
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "x_groq": {"usage": TOKENS}},
    ]
    call = asked("groq", streaming(events, end=DONE), stream=True)
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (12, 30, "provider")


@pytest.mark.parametrize(("reason", "outcome"), [("stop", "complete"), (None, "broken")])
def test_perplexitys_streams_end_without_a_mark(reason: str | None, outcome: str) -> None:
    events = [
        {"id": "1", "choices": [{"index": 0, "delta": {"content": said}, "finish_reason": end}], "usage": TOKENS}
        for said, end in (("Hel", None), ("lo.", reason))
    ]
    assert asked("perplexity", streaming(events), stream=True).stream_outcome == outcome


def test_an_error_inside_an_answer_that_was_ok() -> None:
    call = asked("openrouter", answering({"error": {"code": 429, "message": "busy", "metadata": {}}}))
    assert (call.http_status, call.status, call.error_code) == (200, "rate_limited", "429")


@pytest.mark.parametrize("path", ["chat/completions", "embeddings"])
@pytest.mark.parametrize("is_in_array", [True, False])
def test_geminis_error_is_googles_in_openais_language_too(path: str, is_in_array: bool, recorder: Recorder) -> None:
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "26.5s"},
    ]
    error = {"error": {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED", "details": details}}
    with httpx2.Client(transport=answering([error] if is_in_array else error, http_status=429)) as client:
        client.post(f"{URLS['gemini']}/{path}", json={"model": "gemini-2.5-flash", "messages": MESSAGES})
    call = recorder.call()
    assert (call.provider, call.status, call.error_code) == ("gemini", "rate_limited", "RESOURCE_EXHAUSTED")
    assert (call.retry_after_ms, call.limit_requests) == (26_500, 20)


def test_an_unwrapped_error_of_a_prompt_that_is_too_long() -> None:
    said = "This model's maximum context length is 8192 tokens."
    body = {"object": "error", "message": said, "type": "BadRequestError", "code": 400}
    with recording() as recorder, httpx2.Client(transport=answering(body, http_status=400)) as client:
        client.post("http://localhost:8000/v1/completions", json={"model": "m", "prompt": "x"})
    assert (recorder.call().status, recorder.call().error_code) == ("context_length", "BadRequestError")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 4}, {"cache_read_tokens": 8}),
        ({"prompt_tokens_details": {"cached_tokens": 8}, "prompt_cache_hit_tokens": 8}, {"cache_read_tokens": 8}),
        (
            {"completion_tokens_details": {"reasoning_tokens": 100}, "total_tokens": 142},
            {"output_tokens": 130, "reasoning_tokens": 100},
        ),
        ({"completion_tokens_details": {"reasoning_tokens": 20}}, {"output_tokens": 30, "reasoning_tokens": 20}),
        (
            {"reasoning_tokens": 7000, "citation_tokens": 500, "num_search_queries": 18},
            {"output_tokens": 7030, "reasoning_tokens": 7000},
        ),
        ({"reasoning_tokens": 20}, {"output_tokens": 30, "reasoning_tokens": 20}),
        ({"cached_tokens": 8}, {"cache_read_tokens": 8}),
        ({"completion_tokens_details": {"image_tokens": 20}}, {"output_tokens": 30, "output_image_tokens": 20}),
        (
            {"cache_creation_input_tokens": 7, "cache_read_input_tokens": 3},
            {"input_tokens": 12, "cache_write_5m_tokens": 7},
        ),
        ({"prompt_tokens_details": {"cache_creation_tokens": 7}}, {"input_tokens": 12, "cache_write_5m_tokens": 7}),
    ],
    ids=[
        "DeepSeek",
        "DeepSeek and OpenAI",
        "xAI counts reasoning beside",
        "OpenAI counts it inside",
        "Perplexity counts it beside",
        "SGLang counts it inside",
        "Moonshot",
        "OpenRouter's images",
        "LiteLLM's proxy in a stream",
        "LiteLLM's proxy",
    ],
)
def test_counts_in_other_words(usage: dict[str, Any], expected: dict[str, int]) -> None:
    assert chat_tokens(TOKENS | usage).items() >= expected.items()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (  # Groq
            {
                "x-ratelimit-limit-requests": "14400",
                "x-ratelimit-remaining-requests": "14370",
                "x-ratelimit-reset-requests": "2m59.56s",
                "x-ratelimit-remaining-tokens": "17997",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            {
                "limit_requests": 14400,
                "remaining_requests": 14370,
                "reset_requests_ms": 179_560,
                "remaining_tokens": 17997,
                "reset_tokens_ms": 7660,
            },
        ),
        (  # Cerebras
            {
                "x-ratelimit-limit-requests-day": "1000",
                "x-ratelimit-limit-tokens-minute": "60000",
                "x-ratelimit-remaining-tokens-minute": "59000",
                "x-ratelimit-reset-tokens-minute": "11.5",
            },
            {"limit_requests": 1000, "limit_tokens": 60000, "remaining_tokens": 59000, "reset_tokens_ms": 11500},
        ),
        (  # OpenRouter
            {
                "x-ratelimit-limit": "20",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": str(int(NOW.timestamp() * 1000) + 30_000),
            },
            {"limit_requests": 20, "remaining_requests": 0, "reset_requests_ms": 30_000},
        ),
        (  # Together
            {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1"},
            {"limit_requests": 10, "remaining_requests": 9, "reset_requests_ms": 1000},
        ),
        (  # Azure, where it knows nothing, and where it has nothing left
            {
                "x-ratelimit-limit-requests": "-1",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-limit-tokens": "0",
                "x-ratelimit-remaining-tokens": "-1",
            },
            {},
        ),
        ({"x-ratelimit-remaining-requests": "0"}, {"remaining_requests": 0}),
    ],
)
def test_limits_in_other_words(headers: dict[str, str], expected: dict[str, float]) -> None:
    assert rate_limits(headers, NOW) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("host", "headers", "name"),
    [
        ("eu.api.openai.com", {}, "eu"),
        ("us-east-1.api.x.ai", {}, "us-east-1"),
        ("swedencentral.api.cognitive.microsoft.com", {}, "swedencentral"),
        ("house.openai.azure.com", {"x-ms-region": "Sweden Central"}, "swedencentral"),
        ("api.openai.com", {}, ""),
    ],
)
def test_regions(host: str, headers: dict[str, str], name: str) -> None:
    assert region(host, headers) == name
