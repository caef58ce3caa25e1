"""Anthropic's clients for other clouds, and what its own client can do beside `create`, over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic_server import CACHED, INPUT, OUTPUT, TEXT, AnthropicServer, anthropic_server
from bedrock_server import BedrockServer
from hook_recorder import Recorder, recording
from repository import ROOT
from tokentide.hooks.anthropic import PROVIDER
from tokentide.testing import capture_calls

from collector.price_book.resolve import UNKNOWN, Resolver

PROMPT = "How do I top up my card?"
ASKED: dict[str, Any] = {
    "model": "claude-sonnet-4-5@20250929",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": PROMPT}],
}


@pytest.fixture(scope="module")
def anthropic_at() -> Iterator[AnthropicServer]:
    with anthropic_server() as running:
        yield running


def connection(kind: str, url: str) -> dict[str, Any]:
    """What each client wants to know, with credentials that are none."""
    return {
        "": {"api_key": "key", "base_url": url},
        "Vertex": {"access_token": "token", "project_id": "project", "region": "us-east5", "base_url": f"{url}/v1"},
        "Foundry": {"api_key": "key", "base_url": f"{url}/anthropic/"},
        "Bedrock": {"aws_access_key": "key", "aws_secret_key": "secret", "aws_region": "us-east-1", "base_url": url},
        "BedrockMantle": {"api_key": "key", "aws_region": "us-east-1", "base_url": f"{url}/anthropic"},
    }[kind]


def client(kind: str, url: str, **options: Any) -> Any:
    return getattr(anthropic, f"Anthropic{kind}")(**connection(kind, url), **options)


KINDS = pytest.mark.parametrize("kind", ["", "Vertex", "Foundry", "BedrockMantle"])


@KINDS
def test_every_client_s_message_is_recorded(anthropic_at: AnthropicServer, recorder: Recorder, kind: str) -> None:
    with client(kind, anthropic_at.url) as opened:
        opened.messages.create(**ASKED)
    call = recorder.call()
    assert (call.operation, call.model_requested, call.status) == ("messages", ASKED["model"], "ok")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (INPUT, CACHED, OUTPUT)
    assert (call.max_tokens, call.usage_source, call.request_id) == (64, "provider", "req_1")


@KINDS
def test_every_client_s_stream_is_recorded(anthropic_at: AnthropicServer, kind: str) -> None:
    opened = client(kind, anthropic_at.url)
    with recording(content="full") as recorder, opened, opened.messages.stream(**ASKED) as stream:
        assert "".join(stream.text_stream) == TEXT
    call = recorder.call()
    assert (call.stream, call.stream_outcome, call.finish_reason) == (True, "complete", "end_turn")
    assert (call.model_requested, call.output_tokens) == (ASKED["model"], OUTPUT)
    assert (call.prompt, call.response) == (PROMPT, TEXT)


@pytest.mark.parametrize("kind", ["", "Vertex", "Foundry"])
def test_counting_tokens_is_no_message(anthropic_at: AnthropicServer, kind: str) -> None:
    asked = {key: value for key, value in ASKED.items() if key != "max_tokens"}
    with recording(content="full") as recorder, client(kind, anthropic_at.url) as opened:
        assert opened.messages.count_tokens(**asked).input_tokens == INPUT
    call = recorder.call()
    assert (call.operation, call.input_tokens, call.output_tokens) == ("count_tokens", INPUT, 0)
    assert (call.model_requested, call.prompt, call.usage_source) == (ASKED["model"], "", "provider")


def of_beta(opened: Any) -> Any:
    return opened.beta.messages.create(**ASKED)


def of_beta_stream(opened: Any) -> Any:
    with opened.beta.messages.stream(**ASKED) as stream:
        return stream.get_final_message()


def raw(opened: Any) -> Any:
    return opened.messages.with_raw_response.create(**ASKED).parse()


def streaming_raw(opened: Any) -> Any:
    with opened.messages.with_streaming_response.create(**ASKED) as response:
        return response.parse()


def helped(opened: Any) -> Any:
    with opened.messages.stream(**ASKED) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("way", [of_beta, of_beta_stream, raw, streaming_raw, helped])
def test_every_way_of_asking_is_recorded(
    anthropic_at: AnthropicServer, recorder: Recorder, way: Callable[[Any], Any]
) -> None:
    with client("", anthropic_at.url) as opened:
        assert way(opened).content[0].text == TEXT
    call = recorder.call()
    assert (call.operation, call.status, call.input_tokens, call.output_tokens) == ("messages", "ok", INPUT, OUTPUT)


def test_anthropic_s_client_of_bedrock_is_recorded_as_bedrock(bedrock: BedrockServer, recorder: Recorder) -> None:
    with client("Bedrock", bedrock.url, max_retries=2) as opened:
        said = opened.messages.create(**ASKED | {"model": "fail1-cached50-us.anthropic.claude-v1:0"})
    assert said.content[0].text == TEXT
    refused, call = recorder.calls()
    assert (refused.status, refused.error_code) == ("rate_limited", "ThrottlingException")
    assert (call.provider, call.operation, call.attempt) == ("aws.bedrock", "generate", 2)
    assert call.model_requested == "fail1-cached50-us.anthropic.claude-v1:0"
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (INPUT, CACHED, OUTPUT)
    assert call.request_id.startswith("request-")


def test_its_stream_is_recorded_too(bedrock: BedrockServer) -> None:
    opened, asked = client("Bedrock", bedrock.url), ASKED | {"model": "s5x2-model"}
    with recording(content="full") as recorder, opened, opened.messages.stream(**asked) as stream:
        assert stream.get_final_text() == TEXT
    call = recorder.call()
    assert (call.stream, call.stream_outcome, call.output_tokens) == (True, "complete", OUTPUT)
    assert (call.model_requested, call.prompt, call.response) == ("s5x2-model", PROMPT, TEXT)
    assert 0 < (call.time_to_first_token_ms or 0) < call.duration_ms


def test_its_stream_can_be_left_or_break(bedrock: BedrockServer, recorder: Recorder) -> None:
    with client("Bedrock", bedrock.url, max_retries=0) as opened:
        with opened.messages.create(**ASKED | {"model": "s50x5-model"}, stream=True) as stream:
            next(iter(stream))
        with pytest.raises(httpx2.RemoteProtocolError):
            list(opened.messages.create(**ASKED | {"model": "cut3-model"}, stream=True))
        with pytest.raises(anthropic.APIStatusError):
            list(opened.messages.create(**ASKED | {"model": "thrown-model"}, stream=True))
    calls = recorder.calls()
    assert [call.stream_outcome for call in calls] == ["abandoned", "broken", "broken"]
    assert [call.status for call in calls] == ["ok", "network", "rate_limited"]


def test_the_async_clients_are_recorded(anthropic_at: AnthropicServer, bedrock: BedrockServer) -> None:
    async def ask(kind: str, url: str) -> None:
        async with getattr(anthropic, f"AsyncAnthropic{kind}")(**connection(kind, url)) as opened:
            await opened.messages.create(**ASKED)
            async with opened.messages.stream(**ASKED) as stream:
                assert await stream.get_final_text() == TEXT

    with recording() as recorder:
        asyncio.run(ask("Vertex", anthropic_at.url))
        asyncio.run(ask("Bedrock", bedrock.url))
    calls = recorder.calls()
    assert [call.provider for call in calls] == ["anthropic"] * 2 + ["aws.bedrock"] * 2
    assert {(call.status, call.output_tokens) for call in calls} == {("ok", OUTPUT)}


def test_plain_use_needs_the_version_header(anthropic_at: AnthropicServer, recorder: Recorder) -> None:
    with httpx2.Client(base_url=anthropic_at.url) as plain:
        plain.post("/v1/messages", json=ASKED)
        plain.post("/v1/messages", json=ASKED, headers={"anthropic-version": "2023-06-01"})
    assert recorder.call().model_requested == ASKED["model"]


@pytest.mark.parametrize(
    ("page", "provider"), [("anthropic", "anthropic"), ("bedrock", "aws.bedrock"), ("vertex", "anthropic")]
)
def test_the_example_of_the_docs_is_recorded(
    page: str, provider: str, anthropic_at: AnthropicServer, bedrock: BedrockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / f"docs/providers/{page}.md").read_text("utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    told = {
        "ANTHROPIC_API_KEY": "key",
        "ANTHROPIC_BASE_URL": anthropic_at.url,
        "ANTHROPIC_VERTEX_BASE_URL": f"{anthropic_at.url}/v1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "TOKENTIDE_TRANSPORT": "memory",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(anthropic.AnthropicVertex, "_ensure_access_token", lambda _: "token")
    with capture_calls() as calls:
        exec(example.replace("tokentide.instrument", "tokentide.context"), {})
    assert len(example.splitlines()) == 5
    assert [(call.provider, call.status, call.usage_source) for call in calls] == [(provider, "ok", "provider")]


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("us-east5-aiplatform.googleapis.com", "us-east5"),
        ("aiplatform.eu.rep.googleapis.com", "eu"),
        ("aws-external-anthropic.us-west-2.api.aws", "us-west-2"),
        ("api.anthropic.com", ""),
    ],
)
def test_the_region_is_in_the_host(host: str, region: str) -> None:
    assert PROVIDER.region(host, {}) == region


@pytest.mark.parametrize(
    ("provider", "host"),
    [
        ("anthropic", "api.anthropic.com"),
        ("gcp.vertex_ai", "us-east5-aiplatform.googleapis.com"),
        ("azure", "resource.services.ai.azure.com"),
    ],
)
def test_its_models_have_a_price_wherever_they_run(provider: str, host: str) -> None:
    assert Resolver().key(provider, host, "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "") != UNKNOWN
