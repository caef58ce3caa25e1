"""Google's answers, as they were recorded, and what the event says of them."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hook_recorder import recording
from recorded_answers_server import Recorded, answering, document, server_sent
from tokentide.call import LLMCall

from collector.price_book.resolve import UNKNOWN, Resolver
from collector.price_book.row import price_key

MODEL = "/v1beta/models/gemini-2.5-flash"
ASKED = {
    "contents": [{"parts": [{"text": "How do I top up my card?"}]}],
    "generationConfig": {"temperature": 0.2, "maxOutputTokens": 256},
}

THINKING = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "**Finding the steps**\n\nThe card is topped up in the app.", "thought": True},
                    {"text": "Open the app and tap ", "thoughtSignature": "CpQBAR/BVA=="},
                    {"text": "*Top up*."},
                ],
                "role": "model",
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 2060,
        "candidatesTokenCount": 9,
        "totalTokenCount": 2290,
        "cachedContentTokenCount": 1957,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 2060}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 1957}],
        "thoughtsTokenCount": 221,
    },
    "modelVersion": "gemini-2.5-flash",
    "responseId": "V1pbaZ-mNcnu1PIP-e_DoQY",
}
USAGE = {"promptTokenCount": 8, "totalTokenCount": 92, "thoughtsTokenCount": 84}
STREAM = [
    {"candidates": [{"content": {"parts": [{"text": "The card", "thought": True}], "role": "model"}, "index": 0}]},
    {"candidates": [{"content": {"parts": [{"text": "Open the app"}], "role": "model"}, "index": 0}]},
    {"candidates": [{"content": {"parts": [{"text": " and tap"}], "role": "model"}, "index": 0}]},
    {
        "candidates": [
            {"content": {"parts": [{"text": " *Top up*."}], "role": "model"}, "finishReason": "STOP", "index": 0}
        ]
    },
]
LAST = {"candidatesTokenCount": 11, "totalTokenCount": 103}
QUOTA = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": "10"}],
            },
            {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"url": "https://ai.google.dev/"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "27.5s"},
        ],
    }
}


def streamed() -> list[dict[str, Any]]:
    usages = [USAGE, USAGE, USAGE, USAGE | LAST]
    common = {"modelVersion": "gemini-2.5-flash", "responseId": "p1pbaZ_XAdzmnsEP"}
    return [event | {"usageMetadata": usage} | common for event, usage in zip(STREAM, usages, strict=True)]


def call_of(answer: Recorded, path: str = f"{MODEL}:generateContent", asked: Any = None, **settings: str) -> LLMCall:
    """The event of a request that no client library frames."""
    with answering({path: answer}) as server, recording(**settings) as recorder, httpx2.Client() as client:
        if len(answer.pieces) == 1:
            client.post(f"{server.url}{path}", json=asked or ASKED)
        else:
            with client.stream("POST", f"{server.url}{path}", json=asked or ASKED) as response:
                response.read()
    return recorder.call()


def test_an_answer_with_thoughts_from_the_cache() -> None:
    call = call_of(document(THINKING), content="full")
    assert (call.operation, call.model_requested, call.model_responded) == (
        "generate_content",
        "gemini-2.5-flash",
        "gemini-2.5-flash",
    )
    assert (call.input_tokens, call.cache_read_tokens) == (2060, 1957)
    assert (call.output_tokens, call.reasoning_tokens) == (230, 221)
    assert json.loads(call.usage_raw) == THINKING["usageMetadata"]
    assert (call.finish_reason, call.response_id) == ("STOP", "V1pbaZ-mNcnu1PIP-e_DoQY")
    assert (call.prompt, call.response) == ("How do I top up my card?", "Open the app and tap *Top up*.")
    assert (call.temperature, call.max_tokens) == (0.2, 256)


def test_a_stream_is_read_as_its_events_come() -> None:
    path = f"{MODEL}:streamGenerateContent?alt=sse"
    call = call_of(server_sent(*streamed()), path, content="full")
    assert (call.stream, call.stream_outcome, call.usage_source) == (True, "complete", "provider")
    assert (call.input_tokens, call.output_tokens, call.reasoning_tokens) == (8, 95, 84)
    assert (call.response, call.finish_reason) == ("Open the app and tap *Top up*.", "STOP")
    assert call.time_to_first_token_ms is not None


def test_a_stream_that_is_an_array_is_read_too() -> None:
    call = call_of(document(streamed()), f"{MODEL}:streamGenerateContent", content="full")
    assert (call.stream, call.output_tokens, call.response) == (True, 95, "Open the app and tap *Top up*.")


def test_of_a_stream_without_its_end_only_the_input_is_known() -> None:
    call = call_of(server_sent(*streamed()[:3], {}), f"{MODEL}:streamGenerateContent?alt=sse")
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (8, None, "missing")
    assert call.stream_outcome == "broken"


def test_an_image_is_not_kept_but_counted() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo" * 20_000}}
    counted = {
        "promptTokenCount": 9,
        "candidatesTokenCount": 1290,
        "totalTokenCount": 1299,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    last = {"candidates": [{"content": {"parts": [image]}, "finishReason": "STOP"}], "usageMetadata": counted}
    for answer, path in (
        (document(last), "generateContent"),
        (server_sent(*streamed()[:2], last), "streamGenerateContent"),
    ):
        call = call_of(answer, f"{MODEL}:{path}")
        assert (call.input_tokens, call.output_tokens, call.output_image_tokens) == (9, 1290, 1290)
        assert (call.status, call.finish_reason, call.usage_source) == ("ok", "STOP", "provider")


def test_a_call_of_a_function_is_content() -> None:
    called = {"functionCall": {"name": "top_up", "args": {"amount": 5}}}
    event = {"candidates": [{"content": {"parts": [called]}, "finishReason": "STOP"}], "usageMetadata": USAGE}
    call = call_of(server_sent({"usageMetadata": USAGE}, event), f"{MODEL}:streamGenerateContent?alt=sse")
    assert call.time_to_first_token_ms is not None
    assert (call.output_tokens, call.reasoning_tokens) == (84, 84)


@pytest.mark.parametrize("answer", [QUOTA, [QUOTA]], ids=["object", "array"])
def test_a_limit_that_was_hit_says_what_it_is_and_when_to_try_again(answer: Any) -> None:
    call = call_of(document(answer, 429), f"{MODEL}:streamGenerateContent?alt=sse")
    assert (call.status, call.error_code, call.retry_after_ms) == ("rate_limited", "RESOURCE_EXHAUSTED", 27_500)
    assert (call.limit_requests, call.limit_tokens, call.remaining_requests) == (10, None, None)


@pytest.mark.parametrize(
    ("http_status", "error", "status", "code"),
    [
        (
            400,
            {
                "message": "API key not valid. Please pass a valid API key.",
                "status": "INVALID_ARGUMENT",
                "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
            },
            "auth",
            "API_KEY_INVALID",
        ),
        (
            400,
            {
                "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
                "status": "INVALID_ARGUMENT",
            },
            "context_length",
            "INVALID_ARGUMENT",
        ),
        (400, {"message": "Unknown name", "status": "INVALID_ARGUMENT"}, "invalid_request", "INVALID_ARGUMENT"),
        (403, {"message": "Denied.", "status": "PERMISSION_DENIED"}, "auth", "PERMISSION_DENIED"),
        (404, {"message": "No such model.", "status": "NOT_FOUND"}, "invalid_request", "NOT_FOUND"),
        (503, {"message": "The model is overloaded.", "status": "UNAVAILABLE"}, "server_error", "UNAVAILABLE"),
        (504, {"message": "Too late.", "status": "DEADLINE_EXCEEDED"}, "timeout", "DEADLINE_EXCEEDED"),
        (429, {"message": "Resource exhausted.", "status": "RESOURCE_EXHAUSTED"}, "rate_limited", "RESOURCE_EXHAUSTED"),
    ],
)
def test_errors(http_status: int, error: dict[str, Any], status: str, code: str) -> None:
    call = call_of(document({"error": {"code": http_status} | error}, http_status))
    assert (call.status, call.error_code, call.retry_after_ms) == (status, code, None)


def test_an_error_inside_a_stream() -> None:
    events = [*streamed()[:2], {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}]
    call = call_of(server_sent(*events), f"{MODEL}:streamGenerateContent?alt=sse")
    assert (call.status, call.error_code, call.stream_outcome) == ("server_error", "UNAVAILABLE", "broken")


@pytest.mark.parametrize(
    ("headers", "usage", "tier"),
    [
        ({"x_gemini_service_tier": "flex"}, {}, "flex"),
        ({}, {"serviceTier": "PRIORITY"}, "priority"),
        ({}, {"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({}, {"trafficType": "ON_DEMAND"}, "on_demand"),
        ({}, {"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
    ],
)
def test_the_tier_is_the_one_that_served(headers: dict[str, str], usage: dict[str, str], tier: str) -> None:
    answer = THINKING | {"usageMetadata": USAGE | usage}
    assert call_of(document(answer, **headers)).service_tier == tier  # type: ignore[arg-type]  # headers are texts


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (
            "models/gemini-embedding-001:batchEmbedContents",
            {"embeddings": [], "usageMetadata": {"promptTokenCount": 7}},
        ),
        ("models/gemini-embedding-001:embedContent", {"embedding": {}, "usageMetadata": {"promptTokenCount": 7}}),
        (
            "publishers/google/models/text-embedding-005:predict",
            {"predictions": [{"embeddings": {"statistics": {"token_count": count}}} for count in (3.0, 4)]},
        ),
    ],
)
def test_embeddings(path: str, answer: dict[str, Any]) -> None:
    call = call_of(document(answer), f"/v1beta/{path}")
    assert (call.operation, call.input_tokens, call.output_tokens) == ("embeddings", 7, 0)


def test_an_embedding_whose_tokens_nobody_counted_says_so() -> None:
    call = call_of(document({"embedding": {"values": [0.5]}}), f"{MODEL}:embedContent")
    assert (call.status, call.input_tokens, call.usage_source) == ("ok", None, "missing")


def test_a_prediction_of_another_model_is_no_call() -> None:
    path = "/v1/projects/p/locations/l/publishers/google/models/imagen-4.0-generate-001:predict"
    with answering({path: document({})}) as server, recording() as recorder:
        httpx2.post(f"{server.url}{path}", json={})
    assert recorder.attempts == []


@pytest.mark.parametrize(
    ("url", "provider", "region"),
    [
        ("https://generativelanguage.googleapis.com/v1beta", "gemini", ""),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1",
            "gcp.vertex_ai",
            "us-central1",
        ),
        ("https://aiplatform.googleapis.com/v1/publishers/google", "gcp.vertex_ai", "global"),
        ("https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu", "gcp.vertex_ai", "eu"),
        ("https://gateway.example/google/v1beta", "gemini", ""),
    ],
)
def test_the_host_says_whose_and_where_it_is(url: str, provider: str, region: str) -> None:
    answered = httpx2.MockTransport(lambda _: httpx2.Response(200, json=THINKING))
    with recording() as recorder, httpx2.Client(transport=answered) as client:
        client.post(f"{url}/models/gemini-2.5-flash:generateContent", json=ASKED)
    call = recorder.call()
    assert (call.provider, call.region, call.model_requested) == (provider, region, "gemini-2.5-flash")
    found = Resolver().key(call.provider, call.host, call.model_requested, call.model_responded, call.service_tier)
    assert found == price_key("google", "gemini-2.5-flash", "")
    assert found != UNKNOWN
