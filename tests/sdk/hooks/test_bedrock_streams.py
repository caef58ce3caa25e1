"""Streams and bodies of Amazon Bedrock: they are the app's to read, and what passes is written down."""

from __future__ import annotations

import gc
import json
from typing import Any

import botocore.exceptions
import pytest
from bedrock_clients import client, invoke, invoke_stream, stream
from bedrock_server import INPUT, OUTPUT, BedrockServer
from emitted import eventually
from hook_recorder import Recorder

STREAMS = pytest.mark.parametrize("streamed", [stream, invoke_stream])


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

    def all_are_seen() -> bool:
        gc.collect()  # a stream of botocore refers to itself; another thread may be collecting at this moment
        return len(recorder.attempts) == 3

    eventually(all_are_seen)
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


def test_a_stream_that_stalls_times_out(bedrock: BedrockServer, recorder: Recorder) -> None:
    events = stream(client(bedrock.url, attempts=1, read_timeout=0.1), "s3x400-model")
    with pytest.raises(Exception, match="timed out"):
        list(events)
    assert (recorder.call().status, recorder.call().stream_outcome) == ("timeout", "broken")
