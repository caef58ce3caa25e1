"""What every provider's hook does, with the real client libraries over loopback, sync and async."""

from __future__ import annotations

import socket

import pytest
from hook_clients import PROMPT, Api, AsyncCaller, Caller
from hook_recorder import Recorder, recording

from server.demo.provider import RunningProvider


def usage_of(provider: RunningProvider) -> dict[str, int]:
    return provider.log.answered[-1].usage


def test_records_a_plain_call_as_the_provider_counts_it(
    caller: Caller, recorder: Recorder, provider: RunningProvider
) -> None:
    caller.unary("cached50-model")
    call = recorder.call()
    assert (call.status, call.http_status, call.attempt, call.is_final, call.stream) == ("ok", 200, 1, True, False)
    assert (call.operation, call.model_requested, call.model_responded) == (
        caller.api.operation,
        "cached50-model",
        "cached50-model" if caller.api.names_model else "",
    )
    told = usage_of(provider)
    assert (call.input_tokens, call.output_tokens) == (told["input_tokens"], told["output_tokens"])
    assert call.cache_read_tokens in (told["cache_read_tokens"], None)
    assert call.usage_source == "provider"
    assert call.request_id == provider.log.answered[-1].request_id
    assert call.host == provider.url.removeprefix("http://")
    assert 0 < call.duration_ms <= (call.operation_ms or 0)


def test_records_what_was_asked_for(caller: Caller, recorder: Recorder) -> None:
    caller.unary("model")
    call = recorder.call()
    asked = caller.api.asked
    assert call.temperature == asked.get("temperature")
    assert call.max_tokens == (
        64 if set(asked) & {"max_tokens", "max_completion_tokens", "max_output_tokens"} else None
    )


def test_records_every_hidden_retry(caller: Caller, recorder: Recorder) -> None:
    caller.unary("fail2-model")
    calls = recorder.calls()
    assert [call.status for call in calls] == ["rate_limited", "rate_limited", "ok"]
    assert [call.attempt for call in calls] == [1, 2, 3]
    assert [call.is_final for call in calls] == [False, False, True]
    assert len({call.operation_id for call in calls}) == 1
    assert len({call.call_id for call in calls}) == 3
    assert [call.operation_ms is None for call in calls] == [True, True, False]
    assert (calls[0].retry_after_ms, calls[0].remaining_requests) == (20, 0)
    assert (calls[2].operation_ms or 0) > sum(call.duration_ms for call in calls)


def test_two_calls_are_two_operations(caller: Caller, recorder: Recorder) -> None:
    caller.unary("model")
    caller.unary("model")
    assert len({call.operation_id for call in recorder.calls()}) == 2


def test_the_app_gets_the_error_of_the_last_retry(caller: Caller, recorder: Recorder) -> None:
    with pytest.raises(caller.api.package.RateLimitError) as raised:
        caller.unary("fail9-model", max_retries=1)
    assert raised.value.response.headers["retry-after-ms"] == "20"
    assert [(call.status, call.is_final) for call in recorder.calls()] == [
        ("rate_limited", False),
        ("rate_limited", True),
    ]


def test_records_a_server_error_with_its_code(caller: Caller, recorder: Recorder) -> None:
    with pytest.raises(caller.api.package.InternalServerError):
        caller.unary("status500-model", max_retries=0)
    call = recorder.call()
    assert (call.status, call.http_status, call.is_final) == ("server_error", 500, True)
    assert call.error_code in ("server_error", "api_error")


def test_records_a_refused_connection(api: Api, recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(api.package.APIConnectionError):
        AsyncCaller(api, f"http://127.0.0.1:{port}").unary("model", max_retries=0)
    call = recorder.call()
    assert (call.status, call.http_status, call.error_code) == ("network", None, "ConnectError")


def test_records_a_timeout(caller: Caller, recorder: Recorder) -> None:
    with pytest.raises(caller.api.package.APITimeoutError):
        caller.unary("delay400-model", max_retries=0, timeout=0.05)
    call = recorder.call()
    assert (call.status, call.error_code) == ("timeout", "ReadTimeout")


def test_records_a_cancelled_call(api: Api, provider: RunningProvider, recorder: Recorder) -> None:
    with pytest.raises(TimeoutError):
        AsyncCaller(api, provider.url).cancelled("delay400-model", 0.05)
    assert (recorder.call().status, recorder.call().is_final) == ("cancelled", True)


def test_records_a_stream_to_its_end(streamer: Caller, recorder: Recorder, provider: RunningProvider) -> None:
    streamer.stream("fail1-s5x2-model")
    refused, call = recorder.calls()
    assert (refused.status, refused.stream, refused.stream_outcome) == ("rate_limited", True, "")
    assert (call.status, call.stream, call.stream_outcome, call.attempt) == ("ok", True, "complete", 2)
    told = usage_of(provider)
    assert (call.input_tokens, call.output_tokens) == (told["input_tokens"], told["output_tokens"])
    assert call.usage_source == "provider"
    assert 0 < (call.time_to_first_token_ms or 0) < call.duration_ms < (call.operation_ms or 0)
    assert (call.inter_token_p50_ms or 0) <= (call.inter_token_p99_ms or 0)
    assert (call.chunks or 0) >= 2
    assert call.client_blocked_ms is not None


def test_the_first_token_is_the_first_content_not_the_first_byte(streamer: Caller, recorder: Recorder) -> None:
    streamer.stream("s3x20-model")
    call = recorder.call()
    assert (call.time_to_first_token_ms or 0) >= 15


def test_a_long_stream_is_counted_without_being_kept(
    streamer: Caller, recorder: Recorder, provider: RunningProvider
) -> None:
    _, events = streamer.stream("s400x0-long4000-model")
    (attempt,) = recorder.attempts
    assert attempt.flow is not None
    assert attempt.flow.cut
    assert sum(map(len, attempt.flow.head)) <= 8192
    assert len(events) > 70
    assert recorder.call().output_tokens == usage_of(provider)["output_tokens"]
    assert recorder.call().stream_outcome == "complete"


def test_a_stream_that_the_app_leaves_is_abandoned(streamer: Caller, recorder: Recorder) -> None:
    streamer.stream("s50x5-model", take=2)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("ok", "abandoned", "missing")


def test_a_stream_that_is_closed_unread_is_abandoned(streamer: Caller, recorder: Recorder) -> None:
    streamer.stream("s50x5-model", take=0)
    assert recorder.call().stream_outcome == "abandoned"


def test_a_stream_that_loses_its_connection_is_broken(streamer: Caller, recorder: Recorder) -> None:
    with pytest.raises(Exception, match=r".+"):
        streamer.stream("cut4-model", max_retries=0)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.error_code) == ("network", "broken", "RemoteProtocolError")


def test_a_raw_response_stays_readable(caller: Caller, recorder: Recorder) -> None:
    response, parsed = caller.raw("model")
    assert response.status_code == 200
    assert getattr(parsed, "model", "model") == "model"
    assert recorder.call().usage_source == "provider"


def test_a_streamed_plain_answer_is_read_like_any_other(
    caller: Caller, recorder: Recorder, provider: RunningProvider
) -> None:
    assert caller.streaming_response("model").startswith(b"{")
    call = recorder.call()
    assert (call.stream, call.stream_outcome) == (False, "")
    assert call.input_tokens == usage_of(provider)["input_tokens"]


def test_no_type_changes(streamer: Caller) -> None:
    def types() -> list[type]:
        stream, events = streamer.stream("s3x0-model")
        return [type(streamer.unary("model")), *map(type, streamer.raw("model")), type(stream), *map(type, events)]

    bare = types()
    with recording():
        assert types() == bare


def test_without_capture_no_text_is_kept(streamer: Caller, recorder: Recorder) -> None:
    streamer.unary("model")
    streamer.stream("s3x0-model")
    for attempt in recorder.attempts:
        assert attempt.request_body == b""
        assert PROMPT not in repr(attempt.frame.parameters)
    for call in recorder.calls():
        assert (call.prompt, call.response, call.prompt_hash, call.prompt_chars) == ("", "", "", None)
        assert call.content_policy == "off"
        assert PROMPT.encode() not in call.to_json()


def test_with_capture_prompt_and_response_are_the_last_turn(caller: Caller) -> None:
    with recording(content="full") as recorder:
        caller.unary("model")
    call = recorder.call()
    prompt = caller.api.prompt
    assert (call.prompt, call.prompt_chars, call.prompt_truncated) == (prompt, len(prompt), False)
    assert len(call.prompt_hash) == (32 if prompt else 0)
    assert call.response.startswith(caller.api.response)
    assert call.response_chars == len(call.response)


def test_with_capture_a_stream_has_the_same_text_as_the_plain_answer(streamer: Caller) -> None:
    with recording(content="full") as recorder:
        streamer.unary("model")
        streamer.stream("s30x0-model")
    plain, streamed = recorder.calls()
    assert streamed.response == plain.response
    assert streamed.prompt_hash == plain.prompt_hash


def test_with_capture_long_texts_lose_their_middle(streamer: Caller) -> None:
    with recording(content="full", content_max_chars=16) as recorder:
        streamer.unary("model")
    call = recorder.call()
    assert (len(call.prompt), len(call.response)) == (16, 16)
    assert (call.prompt_truncated, call.response_truncated) == (True, True)
    assert call.prompt.startswith(PROMPT[:5])
    assert call.prompt.endswith(PROMPT[-5:])
    assert call.prompt_chars == len(PROMPT)
