"""What the hook does with every client library there is, over loopback, sync and async: see `client_suite.ROWS`."""

from __future__ import annotations

import socket

import pytest
from client_suite import PROMPT, ROWS, Caller, Cancelling
from hook_recorder import Recorder, recording
from tokentide.call import LLMCall
from tokentide.hooks import PROVIDERS

# Google's library subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")


def counted(call: LLMCall, caller: Caller) -> None:
    """The record has the counts that the server told."""
    _, told = caller.told()
    unsaid = () if caller.expected.tells_cache else ("cache_read_tokens",)
    assert {name: getattr(call, name) for name in told} == {**told, **dict.fromkeys(unsaid)}
    assert call.usage_source == "provider"


def test_every_provider_is_in_the_suite() -> None:
    assert {name.partition(".")[0] for name in ROWS} == set(PROVIDERS)


def test_records_a_plain_call_as_the_provider_counts_it(caller: Caller, recorder: Recorder) -> None:
    caller.unary("cached50-model")
    call, expected = recorder.call(), caller.expected
    assert (call.status, call.http_status, call.attempt, call.is_final, call.stream) == ("ok", 200, 1, True, False)
    assert (call.provider, call.operation) == (expected.provider, expected.operation)
    assert call.model_requested == "cached50-model"
    assert call.model_responded == ("cached50-model" if expected.names_model else "")
    counted(call, caller)
    assert call.request_id == caller.told()[0]
    assert call.host.startswith("127.0.0.1:")
    assert 0 < call.duration_ms <= (call.operation_ms or 0)
    assert call.request_bytes
    assert call.response_bytes


def test_records_what_was_asked_for(caller: Caller, recorder: Recorder) -> None:
    caller.unary("model")
    call, expected = recorder.call(), caller.expected
    assert (call.temperature, call.max_tokens) == (expected.temperature, expected.max_tokens)


def test_records_every_hidden_retry(retrier: Caller, recorder: Recorder) -> None:
    retrier.unary("fail2-model")
    calls = recorder.calls()
    assert [call.status for call in calls] == ["rate_limited", "rate_limited", "ok"]
    assert [call.attempt for call in calls] == [1, 2, 3]
    assert [call.is_final for call in calls] == [False, False, True]
    assert len({call.operation_id for call in calls}) == 1
    assert len({call.call_id for call in calls}) == 3
    assert [call.operation_ms is None for call in calls] == [True, True, False]
    said = retrier.expected.refused
    assert {name: getattr(calls[0], name) for name in said} == said
    assert (calls[2].operation_ms or 0) >= sum(call.duration_ms for call in calls)


def test_two_calls_are_two_operations(caller: Caller, recorder: Recorder) -> None:
    caller.unary("model")
    caller.unary("model")
    assert len({call.operation_id for call in recorder.calls()}) == 2


def test_the_app_gets_the_error_of_the_last_retry(retrier: Caller, recorder: Recorder) -> None:
    with pytest.raises(retrier.expected.errors["refused"]):
        retrier.unary("fail999-model", attempts=2)  # more often than those try that count no tries but go on for a time
    *earlier, last = recorder.calls()
    assert {call.status for call in (*earlier, last)} == {"rate_limited"}
    assert [call.is_final for call in earlier] == [False] * len(earlier) != []
    assert last.is_final


def test_records_a_server_error_with_its_code(caller: Caller, recorder: Recorder) -> None:
    with pytest.raises(caller.expected.errors["failed"]):
        caller.unary("status500-model", attempts=1)
    call = recorder.call()
    assert (call.status, call.http_status, call.is_final) == ("server_error", 500, True)
    assert call.error_code in caller.expected.codes["failed"]


def test_records_a_refused_connection(caller: Caller, recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(caller.expected.errors["unreachable"]):
        caller.at(f"http://127.0.0.1:{port}").unary("model", attempts=1)
    call = recorder.call()
    assert (call.status, call.http_status, call.is_final) == ("network", None, True)
    assert call.error_code in caller.expected.codes["unreachable"]


def test_records_a_timeout(caller: Caller, recorder: Recorder) -> None:
    with pytest.raises(caller.expected.errors["slow"]):
        caller.unary("delay1500-model", attempts=1, timeout=0.3)
    call = recorder.call()
    assert (call.status, call.is_final) == ("timeout", True)
    assert call.error_code in caller.expected.codes["slow"]


def test_records_a_cancelled_call(canceller: Cancelling, recorder: Recorder) -> None:
    with pytest.raises(TimeoutError):
        canceller.cancelled("delay400-model", 0.05)
    assert (recorder.call().status, recorder.call().is_final) == ("cancelled", True)


def test_records_a_stream_to_its_end(streamer: Caller, recorder: Recorder) -> None:
    streamer.stream("s5x2-model")
    call = recorder.call()
    assert (call.status, call.stream, call.stream_outcome, call.attempt) == ("ok", True, "complete", 1)
    counted(call, streamer)
    assert 0 < (call.time_to_first_token_ms or 0) < call.duration_ms <= (call.operation_ms or 0)
    assert (call.inter_token_p50_ms or 0) <= (call.inter_token_p99_ms or 0)
    assert (call.chunks or 0) >= 2
    assert call.client_blocked_ms is not None


def test_a_stream_that_was_refused_first_is_one_operation(stream_retrier: Caller, recorder: Recorder) -> None:
    stream_retrier.stream("fail1-s5x2-model")
    refused, call = recorder.calls()
    assert (refused.status, refused.stream, refused.stream_outcome) == ("rate_limited", True, "")
    assert (call.status, call.stream_outcome, call.attempt) == ("ok", "complete", 2)
    assert refused.operation_id == call.operation_id
    assert call.duration_ms < (call.operation_ms or 0)


def test_the_first_token_is_the_first_content_not_the_first_byte(streamer: Caller, recorder: Recorder) -> None:
    streamer.stream("s3x20-model")
    assert (recorder.call().time_to_first_token_ms or 0) >= 15


def test_a_long_stream_is_counted_without_being_kept(streamer: Caller, recorder: Recorder) -> None:
    _, events = streamer.stream("s400x0-long4000-model")
    (attempt,) = recorder.attempts
    assert attempt.flow is not None
    assert attempt.flow.cut
    assert sum(map(len, attempt.flow.head)) <= 8192
    assert len(events) > 70
    counted(recorder.call(), streamer)
    assert recorder.call().stream_outcome == "complete"


def test_a_stream_that_the_app_leaves_is_abandoned(streamer: Caller, recorder: Recorder) -> None:
    streamer.stream("s50x5-model", take=2)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("ok", "abandoned", "missing")


def test_a_stream_that_is_closed_unread_is_abandoned(streamer: Caller, recorder: Recorder) -> None:
    """Or was never asked for: some libraries send the request when the stream is read first."""
    streamer.stream("s50x5-model", take=0)
    assert [call.stream_outcome for call in recorder.calls()] == ([] if streamer.expected.late else ["abandoned"])


def test_a_stream_that_loses_its_connection_is_broken(streamer: Caller, recorder: Recorder) -> None:
    with pytest.raises(Exception, match=r".+"):
        streamer.stream("cut4-model", attempts=1)
    call = recorder.call()
    assert (call.status, call.stream_outcome, call.usage_source) == ("network", "broken", "missing")
    assert call.error_code in streamer.expected.codes["cut"]


def test_no_type_changes(caller: Caller) -> None:
    def answer() -> type:
        return type(caller.unary("model"))

    bare = answer()
    with recording():
        assert answer() is bare


def test_no_type_of_a_stream_changes(streamer: Caller) -> None:
    def types() -> list[type]:
        stream, events = streamer.stream("s3x0-model")
        return [type(stream), *map(type, events)]

    bare = types()
    with recording():
        assert types() == bare


def test_without_capture_no_text_is_kept(streamer: Caller, recorder: Recorder) -> None:
    streamer.unary("model")
    streamer.stream("s3x0-model")
    for attempt in recorder.attempts:
        assert (attempt.request_body == b"") is streamer.expected.tells_parameters
        assert PROMPT not in repr(attempt.frame.parameters)
    for call in recorder.calls():
        assert (call.prompt, call.response, call.prompt_hash, call.prompt_chars) == ("", "", "", None)
        assert call.content_policy == "off"
        assert PROMPT.encode() not in call.to_json()


def test_with_capture_prompt_and_response_are_the_last_turn(caller: Caller) -> None:
    with recording(content="full") as recorder:
        caller.unary("model")
    call, prompt = recorder.call(), caller.expected.prompt
    assert (call.prompt, call.prompt_chars, call.prompt_truncated) == (prompt, len(prompt), False)
    assert len(call.prompt_hash) == (32 if prompt else 0)
    assert call.response.startswith(caller.expected.response)
    assert call.response_chars == len(call.response)


def test_with_capture_a_stream_has_the_same_text_as_the_plain_answer(streamer: Caller) -> None:
    with recording(content="full") as recorder:
        streamer.unary("model")
        streamer.stream("s30x0-model")
    plain, streamed = recorder.calls()
    assert streamed.response == plain.response != ""
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
