"""LangChain over loopback: its runs are told of in the records of the client library below it, once for each attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest
import tokentide
from hook_recorder import Recorder, recording
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from tokentide.call import LLMCall
from tokentide.context import current_tags
from tokentide.frameworks import langchain

from server.demo.provider import RunningProvider, running_provider

CONFIG: dict[str, Any] = {
    "run_name": "answer",
    "tags": ["checkout"],
    "metadata": {"team": "search", "feature": "answers", "session": 7, "prompt": ["greeting", "3"], "other": "x"},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as active:
        yield active


def model(provider: RunningProvider, name: str = "fail1-model", **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=provider.openai_url, api_key="key", **more)  # type: ignore[arg-type]  # a plain key


def run(provider: RunningProvider, name: str, ask: Callable[[ChatOpenAI], Awaitable[object]]) -> None:
    """Asks in an event loop, whose connections are closed before it."""

    async def main() -> None:
        async with openai.DefaultAsyncHttpxClient() as http:
            await ask(model(provider, name, http_async_client=http))

    asyncio.run(main())


def check(call: LLMCall) -> None:
    assert (call.team, call.feature, call.session_id) == ("search", "answers", "7")
    assert (call.prompt_name, call.prompt_version) == ("greeting", "3")
    assert call.attributes["langchain.run_name"] == "answer"
    assert call.attributes["langchain.tags"] == "checkout"
    assert "other" not in call.attributes


async def streamed(llm: ChatOpenAI) -> list[object]:
    return [part async for part in llm.astream("Hi", CONFIG)]  # type: ignore[arg-type]  # a plain config


CALLS: dict[str, Callable[[RunningProvider], object]] = {
    "invoke": lambda provider: model(provider).invoke("Hi", CONFIG),  # type: ignore[arg-type]  # as above
    "stream": lambda provider: list(model(provider).stream("Hi", CONFIG)),  # type: ignore[arg-type]  # as above
    "ainvoke": lambda provider: run(provider, "fail1-model", lambda llm: llm.ainvoke("Hi", CONFIG)),  # type: ignore[arg-type]  # as above
    "astream": lambda provider: run(provider, "fail1-model", streamed),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_each_attempt_of_a_run_is_one_record_that_names_it(
    call: Callable[[RunningProvider], object], provider: RunningProvider, recorder: Recorder
) -> None:
    call(provider)
    refused, answered = recorder.calls()
    assert [refused.status, answered.status] == ["rate_limited", "ok"]
    assert refused.operation_id == answered.operation_id
    for each in (refused, answered):
        check(each)
    assert refused.attributes == answered.attributes


@pytest.mark.parametrize("is_async", [False, True])
def test_every_item_of_a_batch_is_a_run(is_async: bool, provider: RunningProvider, recorder: Recorder) -> None:
    asked: Any = (["a", "b", "c"], CONFIG)
    if is_async:
        run(provider, "fail1-model", lambda llm: llm.abatch(*asked))
    else:
        model(provider).batch(*asked)
    calls = recorder.calls()
    assert len(calls) == 6
    for call in calls:
        check(call)
    runs = {(call.operation_id, call.attributes["langchain.run_id"]) for call in calls}
    assert len(runs) == 3


@pytest.mark.parametrize("is_async", [False, True])
def test_a_run_inside_a_chain_names_the_outermost_chain(
    is_async: bool, provider: RunningProvider, recorder: Recorder
) -> None:
    def chain(llm: ChatOpenAI) -> Any:
        inner = ChatPromptTemplate.from_template("Hi {name}") | llm
        return ({"name": lambda asked: asked} | inner).with_config(run_name="support")

    asked = {"metadata": {"team": "search"}, "tags": ["checkout"]}
    if is_async:
        run(provider, "model", lambda llm: chain(llm).ainvoke("Ada", asked))
    else:
        chain(model(provider, "model")).invoke("Ada", asked)
    call = recorder.call()
    assert call.team == "search"
    assert call.attributes["langchain.chain"] == "support"
    assert call.attributes["langchain.run_name"] == "ChatOpenAI"
    assert "checkout" in call.attributes["langchain.tags"].split(",")


def test_what_comes_after_a_run_does_not_belong_to_it(provider: RunningProvider, recorder: Recorder) -> None:
    llm = model(provider, "s5x0-model")
    llm.invoke("Hi", CONFIG)  # type: ignore[arg-type]  # a plain config
    for _ in llm.stream("Hi", CONFIG):  # type: ignore[arg-type]  # as above
        break
    with pytest.raises(openai.InternalServerError):
        model(provider, "status500-model", max_retries=0).invoke("Hi", CONFIG)  # type: ignore[arg-type]  # as above
    assert current_tags().team == ""
    assert current_tags().attributes == {}


def test_a_run_wins_over_the_context_around_it_and_keeps_the_rest(
    provider: RunningProvider, recorder: Recorder
) -> None:
    with tokentide.context(team="ops", app="shop", region="eu"):
        model(provider, "model").invoke("Hi", CONFIG)  # type: ignore[arg-type]  # a plain config
    call = recorder.call()
    assert (call.team, call.app, call.attributes["region"]) == ("search", "shop", "eu")


def test_without_metadata_a_run_has_its_name_only(provider: RunningProvider, recorder: Recorder) -> None:
    model(provider, "model").invoke("Hi")
    call = recorder.call()
    assert call.team == ""
    assert set(call.attributes) == {"langchain.run_name", "langchain.run_id"}


def test_after_the_engine_has_stopped_no_run_is_looked_at(provider: RunningProvider) -> None:
    with recording():
        model(provider, "model").invoke("Hi")
    assert langchain._switch.get() is None
    with recording() as second:
        model(provider, "model").invoke("Hi", CONFIG)  # type: ignore[arg-type]  # a plain config
    check(second.call())


@pytest.mark.parametrize("name", ["chain_began", "chain_ended", "model_began", "model_ended"])
def test_a_step_that_fails_is_counted_and_the_app_goes_on(
    name: str, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault in the hook")

    monkeypatch.setattr(langchain._Runs, name, broken)
    chain = ChatPromptTemplate.from_template("Hi {name}") | model(provider, "model")
    with recording() as recorder:
        assert chain.invoke({"name": "Ada"}).content
    assert recorder.hook_errors > 0
    assert len(recorder.attempts) == 1
    assert caplog.records == []


def test_chains_that_never_end_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langchain, "_MOST_CHAINS", 3)
    runs = langchain._Runs()
    for number in range(10):
        runs.chain_began(None, {"run_id": number, "name": "chain"})
    assert len(runs._chains) <= 3
