"""Amazon Bedrock through the real botocore, over loopback: every attempt is seen, and the app gets what it would get."""

from __future__ import annotations

import gc
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.client
import botocore.endpoint
import botocore.exceptions
import botocore.retries.standard
import httpx2
import pytest
from bedrock_server import INPUT, OUTPUT, TEXT, BedrockServer, bedrock_server
from botocore.config import Config
from hook_recorder import Recorder, recording
from tokentide.hooks.bedrock import PROVIDER, tokens

from collector.price_key import UNKNOWN, PriceKeys

PROMPT = "How do I top up my card?"
MESSAGES = [
    {"role": "user", "content": [{"text": "An older question"}]},
    {"role": "assistant", "content": [{"text": "An older answer"}]},
    {"role": "user", "content": [{"text": PROMPT}]},
]
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": MESSAGES}


@pytest.fixture(scope="module")
def bedrock() -> Iterator[BedrockServer]:
    with bedrock_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore waits up to a second, at random."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0)


def client(url: str, service: str = "bedrock-runtime", **options: Any) -> Any:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    retries = {"total_max_attempts": options.pop("attempts", 3), "mode": "standard"}
    config = Config(retries=retries, **options)
    return boto3.client(service, region_name="us-east-1", endpoint_url=url, config=config, **keys)


@pytest.fixture
def runtime(bedrock: BedrockServer) -> Any:
    bedrock.tries.clear()
    return client(bedrock.url)


def stream(runtime: Any, model: str) -> Any:
    return runtime.converse_stream(modelId=model, messages=MESSAGES)["stream"]


def invoke(runtime: Any, model: str) -> Any:
    return runtime.invoke_model(modelId=model, body=json.dumps(CLAUDE))["body"]


def invoke_stream(runtime: Any, model: str) -> Any:
    return runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(CLAUDE))["body"]


HOST = "bedrock-runtime.eu-central-1.amazonaws.com"
STREAMS = pytest.mark.parametrize("streamed", [stream, invoke_stream])


def test_a_converse_call_is_recorded_with_inclusive_counts(runtime: Any, recorder: Recorder) -> None:
    runtime.converse(modelId="cached50-model", messages=MESSAGES, inferenceConfig={"temperature": 0.5, "maxTokens": 64})
    call = recorder.call()
    assert (call.provider, call.operation, call.model_requested) == ("aws.bedrock", "chat", "cached50-model")
    assert (call.status, call.http_status, call.is_final, call.stream) == ("ok", 200, True, False)
    assert (call.temperature, call.max_tokens) == (0.5, 64)
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (INPUT, INPUT // 2, OUTPUT)
    assert (call.usage_source, call.finish_reason) == ("provider", "end_turn")
    assert call.request_id.startswith("request-")
    assert 0 < call.duration_ms <= (call.operation_ms or 0)


def test_every_hidden_retry_is_recorded(runtime: Any, recorder: Recorder) -> None:
    runtime.converse(modelId="fail2-model", messages=MESSAGES)
    calls = recorder.calls()
    assert [call.status for call in calls] == ["rate_limited", "rate_limited", "ok"]
    assert [(call.attempt, call.is_final) for call in calls] == [(1, False), (2, False), (3, True)]
    assert calls[0].error_code == "ThrottlingException"
    assert len({call.operation_id for call in calls}) == 1


def test_the_app_gets_the_error_of_the_last_retry(runtime: Any, recorder: Recorder) -> None:
    with pytest.raises(runtime.exceptions.ThrottlingException):
        runtime.converse(modelId="fail9-model", messages=MESSAGES)
    assert [(call.status, call.is_final) for call in recorder.calls()] == [("rate_limited", n == 3) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("http_status", "status", "code"),
    [
        (400, "context_length", "ValidationException"),
        (403, "auth", "AccessDeniedException"),
        (500, "server_error", "InternalServerException"),
        (503, "server_error", "ServiceUnavailableException"),
    ],
)
@pytest.mark.parametrize("called", [stream, invoke])
def test_a_refused_call_says_why(
    bedrock: BedrockServer, recorder: Recorder, http_status: int, status: str, code: str, called: Any
) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        called(client(bedrock.url, attempts=1), f"status{http_status}-model")
    assert raised.value.response["Error"]["Code"] == code
    call = recorder.call()
    assert (call.status, call.http_status, call.error_code) == (status, http_status, code)


@STREAMS
def test_a_stream_is_recorded_to_its_end(runtime: Any, recorder: Recorder, streamed: Any) -> None:
    list(streamed(runtime, "fail1-cached50-s5x2-model"))
    refused, call = recorder.calls()
    assert (refused.status, refused.stream, refused.stream_outcome) == ("rate_limited", True, "")
    assert (call.status, call.stream, call.stream_outcome, call.attempt) == ("ok", True, "complete", 2)
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (INPUT, INPUT // 2, OUTPUT)
    assert (call.usage_source, call.finish_reason) == ("provider", "end_turn")
    assert 0 < (call.time_to_first_token_ms or 0) < call.duration_ms < (call.operation_ms or 0)
    assert (call.inter_token_p99_ms or 0) >= (call.inter_token_p50_ms or 0) >= 1
    framing = 4 if streamed is stream else 5
    assert call.chunks == 5 + framing


@STREAMS
def test_a_long_stream_is_counted_without_being_kept(runtime: Any, recorder: Recorder, streamed: Any) -> None:
    assert len(list(streamed(runtime, "s400x0-long9000-model"))) > 300
    (attempt,) = recorder.attempts
    assert attempt.flow is not None
    assert attempt.flow.cut
    assert sum(map(len, attempt.flow.head)) <= 8192
    call = recorder.call()
    assert (call.output_tokens, call.stream_outcome) == (OUTPUT, "complete")


@STREAMS
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stream_that_is_closed_or_left_or_forgotten_is_abandoned(
    runtime: Any, recorder: Recorder, streamed: Any
) -> None:
    unread = streamed(runtime, "s50x5-model")
    unread.close()
    left = streamed(runtime, "s50x5-model")
    next(iter(left))
    del left
    streamed(runtime, "s50x5-model")
    gc.collect()  # a stream of botocore refers to itself, and leaves its socket open
    calls = recorder.calls()
    assert [(call.status, call.stream_outcome, call.usage_source) for call in calls] == [
        ("ok", "abandoned", "missing")
    ] * 3


@STREAMS
def test_a_stream_that_loses_its_connection_is_broken(runtime: Any, recorder: Recorder, streamed: Any) -> None:
    with pytest.raises(Exception, match="ended prematurely"):
        list(streamed(runtime, "cut3-model"))
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.error_code) == ("network", "broken", "ProtocolError")


@STREAMS
def test_an_exception_in_a_stream_is_its_outcome(runtime: Any, recorder: Recorder, streamed: Any) -> None:
    events = streamed(runtime, "thrown-model")
    with pytest.raises(botocore.exceptions.EventStreamError):
        list(events)
    events.close()
    call = recorder.call()
    assert (call.status, call.http_status, call.stream_outcome) == ("rate_limited", 200, "broken")
    assert call.error_code == "ThrottlingException"


def test_a_model_s_own_answer_is_counted_by_its_body(runtime: Any, recorder: Recorder) -> None:
    body = invoke(runtime, "cached50-model")
    assert json.loads(body.read())["id"] == "msg_bdrk_1"
    call = recorder.call()
    assert (call.operation, call.response_id, call.finish_reason) == ("generate", "msg_bdrk_1", "end_turn")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (INPUT, INPUT // 2, OUTPUT)


def test_an_answer_without_counts_is_counted_by_its_headers(runtime: Any, recorder: Recorder) -> None:
    invoke(runtime, "plain-model").read()
    assert (recorder.call().input_tokens, recorder.call().output_tokens) == (INPUT, OUTPUT)


def test_a_stream_without_counts_is_counted_by_its_metrics(runtime: Any, recorder: Recorder) -> None:
    list(invoke_stream(runtime, "plain-model"))
    call = recorder.call()
    assert (call.input_tokens, call.output_tokens, call.stream_outcome) == (INPUT, OUTPUT, "complete")
    assert call.finish_reason == "stop"


def read_all(body: Any) -> bytes:
    return bytes(body.read())


def read_pieces(body: Any) -> bytes:
    return b"".join(body.iter_chunks(7))


def read_lines(body: Any) -> bytes:
    return b"".join(body.iter_lines())


def read_in_context(body: Any) -> bytes:
    with body as raw:
        return b"".join(raw.stream(5))


def read_into(body: Any) -> bytes:
    buffer, found = bytearray(16), b""
    while count := body.readinto(buffer):
        found += buffer[:count]
    return found


@pytest.mark.parametrize("read", [read_all, read_pieces, read_lines, read_in_context, read_into])
def test_a_body_is_the_app_s_to_read(runtime: Any, recorder: Recorder, read: Any) -> None:
    body = invoke(runtime, "model")
    assert recorder.attempts == []
    assert json.loads(read(body))["id"] == "msg_bdrk_1"
    assert recorder.call().response_id == "msg_bdrk_1"


def test_a_body_that_nobody_reads_is_recorded_when_it_is_closed(runtime: Any, recorder: Recorder) -> None:
    invoke(runtime, "model").close()
    assert (recorder.call().status, recorder.call().input_tokens) == ("ok", INPUT)


def test_counting_tokens_is_no_chat(runtime: Any, recorder: Recorder) -> None:
    runtime.count_tokens(modelId="model", input={"converse": {"messages": MESSAGES}})
    call = recorder.call()
    assert (call.operation, call.input_tokens, call.output_tokens) == ("count_tokens", INPUT, 0)


@pytest.mark.parametrize("content", ["off", "full"])
def test_a_model_s_resource_name_is_told_as_it_was_asked(runtime: Any, content: str) -> None:
    name = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    with recording(content=content) as recorder:
        runtime.converse(modelId=name, messages=MESSAGES)
    assert recorder.call().model_requested == name


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
    assert PriceKeys().resolve(PROVIDER.name, host, model, "", "") != UNKNOWN


def test_a_refused_connection_is_recorded(recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(botocore.exceptions.EndpointConnectionError):
        stream(client(f"http://127.0.0.1:{port}", attempts=1), "model")
    call = recorder.call()
    assert (call.status, call.http_status, call.error_code) == ("network", None, "EndpointConnectionError")


def test_a_timeout_is_recorded(bedrock: BedrockServer, recorder: Recorder) -> None:
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        stream(client(bedrock.url, attempts=1, read_timeout=0.05), "delay400-model")
    assert (recorder.call().status, recorder.call().error_code) == ("timeout", "ReadTimeoutError")


def test_a_stream_that_stalls_times_out(bedrock: BedrockServer, recorder: Recorder) -> None:
    events = stream(client(bedrock.url, attempts=1, read_timeout=0.1), "s3x400-model")
    with pytest.raises(Exception, match="timed out"):
        list(events)
    assert (recorder.call().status, recorder.call().stream_outcome) == ("timeout", "broken")


def test_no_type_changes(runtime: Any) -> None:
    def types() -> list[object]:
        events, body, own = stream(runtime, "model"), invoke(runtime, "model"), invoke_stream(runtime, "model")
        raw = type(body._raw_stream)
        names = [raw.__module__, raw.__qualname__, isinstance(body._raw_stream, httpx2.Response)]
        return [type(events), type(body), type(own), *names, *map(str, events), body.read(), *map(str, own)]

    bare = types()
    with recording():
        assert types() == bare


def test_without_capture_no_text_is_kept(runtime: Any, recorder: Recorder) -> None:
    runtime.converse(modelId="model", messages=MESSAGES)
    list(stream(runtime, "model"))
    invoke(runtime, "model").read()
    for attempt, call in zip(recorder.attempts, recorder.calls(), strict=True):
        assert attempt.request_body == b""
        assert PROMPT not in repr(attempt.frame.parameters)
        assert PROMPT.encode() not in call.to_json()
        assert TEXT.encode() not in call.to_json()


def test_with_capture_all_four_operations_have_the_same_texts(runtime: Any) -> None:
    with recording(content="full") as recorder:
        runtime.converse(modelId="model", messages=MESSAGES)
        list(stream(runtime, "s30x0-model"))
        for model in ("model", "plain-model"):
            invoke(runtime, model).read()
            list(invoke_stream(runtime, f"s30x0-{model}"))
    assert [(call.prompt, call.response) for call in recorder.calls()] == [(PROMPT, TEXT)] * 6


def test_other_services_of_amazon_are_none_of_our_business(bedrock: BedrockServer, recorder: Recorder) -> None:
    with pytest.raises(botocore.exceptions.ClientError):
        client(bedrock.url, "dynamodb", attempts=1).list_tables()
    assert (recorder.attempts, recorder.hook_errors) == ([], 0)


def test_calls_of_several_threads_are_several_operations(bedrock: BedrockServer, recorder: Recorder) -> None:
    runtime = client(bedrock.url)
    threads = [threading.Thread(target=lambda: list(stream(runtime, "s5x1-model"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls = recorder.calls()
    assert len({call.operation_id for call in calls}) == 4
    assert {(call.stream_outcome, call.output_tokens) for call in calls} == {("complete", OUTPUT)}


def test_the_originals_come_back() -> None:
    before = botocore.client.BaseClient._make_api_call, botocore.endpoint.Endpoint._send
    with recording():
        assert botocore.endpoint.Endpoint._send is not before[1]
    assert (botocore.client.BaseClient._make_api_call, botocore.endpoint.Endpoint._send) == before


def test_the_host_tells_the_region(bedrock: BedrockServer, recorder: Recorder) -> None:
    opened = client(f"http://{HOST}", proxies={"http": bedrock.url})
    opened.converse(modelId="model", messages=MESSAGES)
    call = recorder.call()
    assert (call.provider, call.host, call.region) == ("aws.bedrock", HOST, "eu-central-1")


@pytest.mark.parametrize(("host", "records"), [(HOST, 1), ("chat.example.com", 0)])
def test_plain_use_is_known_by_its_host(bedrock: BedrockServer, recorder: Recorder, host: str, records: int) -> None:
    with httpx2.Client(proxy=bedrock.url) as plain:
        plain.post(f"http://{host}/model/cached50-model/converse", json={"messages": MESSAGES})
    calls = [(call.model_requested, call.input_tokens, call.region) for call in recorder.calls()]
    assert calls == [("cached50-model", INPUT, "eu-central-1")] * records


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
