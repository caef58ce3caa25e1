"""Amazon Bedrock through the real botocore, over loopback: every attempt is seen, and the app gets what it would get."""

from __future__ import annotations

import json
import threading
from typing import Any

import botocore.client
import botocore.endpoint
import botocore.exceptions
import httpx2
import pytest
from bedrock_clients import MESSAGES, PROMPT, client, invoke, invoke_stream, stream
from bedrock_server import INPUT, OUTPUT, TEXT, BedrockServer
from hook_recorder import Recorder, recording

HOST = "bedrock-runtime.eu-central-1.amazonaws.com"


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


def test_a_model_s_own_answer_is_counted_by_its_body(runtime: Any, recorder: Recorder) -> None:
    body = invoke(runtime, "cached50-model")
    assert json.loads(body.read())["id"] == "msg_bdrk_1"
    call = recorder.call()
    assert (call.operation, call.response_id, call.finish_reason) == ("generate", "msg_bdrk_1", "end_turn")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (INPUT, INPUT // 2, OUTPUT)


def test_an_answer_without_counts_is_counted_by_its_headers(runtime: Any, recorder: Recorder) -> None:
    invoke(runtime, "plain-model").read()
    assert (recorder.call().input_tokens, recorder.call().output_tokens) == (INPUT, OUTPUT)


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
