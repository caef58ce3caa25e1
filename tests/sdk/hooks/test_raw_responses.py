"""The raw and the streaming forms of OpenAI's and Anthropic's methods."""

from __future__ import annotations

from typing import Any

from hook_recorder import Recorder, recording


def test_a_raw_response_stays_readable(raw_caller: Any, recorder: Recorder) -> None:
    response, parsed = raw_caller.raw("model")
    assert response.status_code == 200
    assert getattr(parsed, "model", "model") == "model"
    assert recorder.call().usage_source == "provider"


def test_a_streamed_plain_answer_is_read_like_any_other(raw_caller: Any, recorder: Recorder) -> None:
    assert raw_caller.streaming_response("model").startswith(b"{")
    call = recorder.call()
    assert (call.stream, call.stream_outcome) == (False, "")
    assert call.input_tokens == raw_caller.told()[1]["input_tokens"]


def test_no_type_of_a_raw_response_changes(raw_caller: Any) -> None:
    def types() -> list[type]:
        return list(map(type, raw_caller.raw("model")))

    bare = types()
    with recording():
        assert types() == bare
