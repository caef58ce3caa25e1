from __future__ import annotations

from pathlib import Path

import httpx2
import openai
import pytest
import tokentide
from emitted import STARTED, files, open_spool
from tokentide import LLMCall
from tokentide.config import load
from tokentide.spool import spool_folder
from tokentide.testing import capture_calls

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "In a week."}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
}


@pytest.fixture
def client() -> openai.OpenAI:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=ANSWER))
    return openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=transport))


def ask(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "When does it come?"}])


def test_calls_are_captured_inside_and_after_the_block(client: openai.OpenAI) -> None:
    with capture_calls(team="search") as calls:
        ask(client)
        assert len(calls) == 1
        ask(client)
    ask(client)
    assert [(call.team, call.input_tokens, call.status) for call in calls] == [("search", 12, "ok")] * 2
    assert calls[0].call_id != calls[1].call_id
    assert "chatcmpl-1" in repr(calls[:1])


def test_texts_are_captured_only_when_asked_for(client: openai.OpenAI) -> None:
    with capture_calls(content="off") as silent:
        ask(client)
    with capture_calls(content="full") as full:
        ask(client)
    assert silent[0].response == ""
    assert "In a week." in full[0].response


def test_what_another_test_process_left_in_the_spool_is_not_captured(
    client: openai.OpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENTIDE_SPOOL_DIR", str(tmp_path))
    left = open_spool(spool_folder(load(transport="memory")))
    left.append([LLMCall(call_id="theirs", operation_id="o", started_at=STARTED).to_json()])
    left.close()
    with capture_calls() as calls:
        ask(client)
        assert len(calls) == 1
    assert "theirs" not in [call.call_id for call in calls]
    assert len(files(tmp_path)) == 1


def test_an_earlier_instrumentation_is_back_afterwards(client: openai.OpenAI) -> None:
    with capture_calls(team="outer") as outer:
        with capture_calls(team="inner") as inner:
            ask(client)
        ask(client)
        assert tokentide._running is not None
        assert tokentide._running[0].team == "outer"
    assert [call.team for call in inner] == ["inner"]
    assert len(outer) == 0
    assert tokentide._running is None
