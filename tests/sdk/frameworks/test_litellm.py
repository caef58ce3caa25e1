"""LiteLLM over loopback: one record for each attempt, with what LiteLLM knows of the call. It needs openai below 3."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tokentide
from hook_recorder import Recorder, recording
from tokentide.call import LLMCall
from tokentide.context import Run, current_tags
from tokentide.frameworks import litellm as adapter

from server.demo.provider import RunningProvider, running_provider

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches prices from the network
litellm = pytest.importorskip("litellm", reason="LiteLLM needs openai below 3: test_previous.py runs this")

pytestmark = pytest.mark.filterwarnings("default")  # LiteLLM's own are not ours to heal
METADATA = {"team": "search", "feature": "answers", "tags": ["checkout", "eu"], "other": "x"}
MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as active:
        yield active


def asked(provider: RunningProvider, name: str = "fail1-model", **more: Any) -> dict[str, Any]:
    return {
        "model": f"openai/{name}",
        "messages": MESSAGES,
        "api_base": provider.openai_url,
        "api_key": "key",
        "metadata": METADATA,
        "max_retries": 2,
        **more,
    }


def check(call: LLMCall) -> None:
    assert (call.team, call.feature, call.provider) == ("search", "answers", "openai")
    assert call.attributes["litellm.tags"] == "checkout,eu"
    assert call.attributes["litellm.call_id"]
    assert "other" not in call.attributes


async def streamed(**asked: Any) -> list[Any]:
    return [part async for part in await litellm.acompletion(**asked, stream=True)]


CALLS: dict[str, Callable[..., Any]] = {
    "completion": lambda **asked: litellm.completion(**asked),
    "stream": lambda **asked: list(litellm.completion(**asked, stream=True)),
    "acompletion": lambda **asked: asyncio.run(litellm.acompletion(**asked)),
    "astream": lambda **asked: asyncio.run(streamed(**asked)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_each_attempt_of_a_call_is_one_record(
    call: Callable[..., Any], provider: RunningProvider, recorder: Recorder
) -> None:
    call(**asked(provider))
    refused, answered = recorder.calls()
    assert [refused.status, answered.status] == ["rate_limited", "ok"]
    assert refused.operation_id == answered.operation_id
    for each in (refused, answered):
        check(each)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_provider_that_litellm_asks_by_itself_is_recorded_too(
    is_async: bool, provider: RunningProvider, recorder: Recorder
) -> None:
    call = {**asked(provider, "model"), "model": "anthropic/model", "api_base": provider.url, "max_tokens": 5}
    asyncio.run(litellm.acompletion(**call)) if is_async else litellm.completion(**call)
    (record,) = recorder.calls()
    assert (record.provider, record.team) == ("anthropic", "search")


def test_what_comes_after_a_call_does_not_belong_to_it(provider: RunningProvider, recorder: Recorder) -> None:
    for _ in litellm.completion(**asked(provider, "s5x0-model"), stream=True):
        break
    litellm.completion(**asked(provider, "model"))
    assert current_tags().team == ""


def test_an_answer_that_asks_no_provider_leaves_nothing_behind(provider: RunningProvider, recorder: Recorder) -> None:
    async def main() -> str:
        await litellm.acompletion(**asked(provider), mock_response="Hello")
        deadline = time.monotonic() + 10
        while current_tags().team and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        return current_tags().team

    assert asyncio.run(main()) == ""
    assert recorder.calls() == []


def test_a_call_wins_over_the_context_around_it_and_keeps_the_rest(
    provider: RunningProvider, recorder: Recorder
) -> None:
    with tokentide.context(team="ops", app="shop"):
        litellm.completion(**asked(provider, "model"))
    assert (recorder.call().team, recorder.call().app) == ("search", "shop")


def test_a_second_engine_listens_with_the_same_logger(provider: RunningProvider, recorder: Recorder) -> None:
    count = len(litellm.callbacks)
    with recording() as second:
        assert len(litellm.callbacks) == count
        litellm.completion(**asked(provider, "model"))
    check(second.call())


def is_listed(logger: object) -> bool:
    return any(each is logger for value in vars(litellm).values() if isinstance(value, list) for each in value)


def test_the_logger_is_taken_out_again_and_those_of_the_app_stay(
    provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = litellm.integrations.custom_logger.CustomLogger()
    with recording() as recorder:
        monkeypatch.setattr(litellm, "callbacks", [*litellm.callbacks, own])
        litellm.completion(**asked(provider, "model"))
        logger = adapter._calls.logger
        assert logger in litellm.callbacks
        assert logger in litellm.success_callback
    assert not is_listed(logger)
    assert litellm.callbacks == [own]
    litellm.completion(**asked(provider, "model"))
    assert not is_listed(logger)
    with recording():
        assert logger in litellm.callbacks
    check(recorder.call())


def test_callbacks_of_another_kind_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording() as recorder:
        listed = [adapter._calls.logger, "langfuse"]
        monkeypatch.setattr(litellm, "callbacks", None)
        monkeypatch.setattr(litellm, "input_callback", listed)
    assert (litellm.callbacks, listed, recorder.hook_errors) == (None, ["langfuse"], 0)


@pytest.mark.parametrize("name", ["make_run", "_metadata"])
def test_a_step_that_fails_is_counted_and_the_app_goes_on(
    name: str, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault in the hook")

    monkeypatch.setattr(adapter, name, broken)
    with recording() as recorder:
        assert litellm.completion(**asked(provider, "model")).choices
    assert recorder.hook_errors > 0
    assert len(recorder.attempts) == 1


def tags_of(run: Run) -> Any:
    with tokentide.context():
        run.begin()
        return current_tags()


def test_the_proxys_key_pays_where_the_call_names_nobody() -> None:
    known = {"user_api_key_team_alias": "ops", "user_api_key_team_id": "t1", "user_api_key_user_id": "u1"}
    tags = tags_of(adapter.make_run("1", known | {"user_api_key_alias": "nightly", "model_group": "gpt"}))
    assert (tags.team, tags.user) == ("ops", "u1")
    assert tags.attributes == {"litellm.call_id": "1", "litellm.key": "nightly", "litellm.model_group": "gpt"}
    assert tags_of(adapter.make_run("2", known | {"team": "search"})).team == "search"
