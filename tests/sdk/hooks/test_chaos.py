"""Every step of the engine fails, one at a time: the app gets what it would have got without it."""

from __future__ import annotations

import httpx2
import pytest
from hook_clients import APIS, AsyncCaller, Caller, SyncCaller
from hook_recorder import Recorder, recording
from tokentide.hooks import _engine, attempt
from tokentide.hooks._engine import MAX_FAILURES, Engine
from tokentide.hooks.attempt import Attempt, Flow, Frame

from server.demo.provider import RunningProvider

STEPS = [
    (Engine, "open_frame"),
    (Engine, "close_frame"),
    (Engine, "begin"),
    (Engine, "answered"),
    (Engine, "failed"),
    (Engine, "stream_ended"),
    (Engine, "_hold"),
    (Engine, "_release"),
    (Engine, "_settle"),
    (Frame, "__init__"),
    (Attempt, "__init__"),
    (Attempt, "keep_body"),
    (Flow, "__init__"),
    (Flow, "add"),
    (Flow, "resumed"),
    (_engine, "clock"),
    (_engine, "current_tags"),
    (_engine, "_content"),
    (_engine, "_current_span"),
    (_engine, "_enter"),
    (attempt, "clock"),
    (Recorder, "emit"),
]


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a fault in the hook")


def app(caller: Caller) -> list[object]:
    """What an app sees of a few calls: answers, events, errors."""
    seen: list[object] = [type(caller.unary("fail1-model"))]
    for take in (None, 2, 0):
        stream, events = caller.stream("s5x0-model", take=take)
        seen += [type(stream), *map(type, events)]
    for model, timeout in (("status500-model", 30), ("delay500-model", 0.05)):
        with pytest.raises(caller.api.package.APIError) as raised:
            caller.unary(model, max_retries=0, timeout=timeout)
        seen.append(type(raised.value))
    with pytest.raises(Exception, match=r".+") as lost:
        caller.stream("cut3-model", max_retries=0)
    seen.append(type(lost.value))
    return seen


CHAT, MESSAGES = (next(api for api in APIS if api.operation == name) for name in ("chat", "messages"))


@pytest.fixture(
    scope="module", params=[(CHAT, SyncCaller), (MESSAGES, AsyncCaller)], ids=["chat-sync", "messages-async"]
)
def witness(request: pytest.FixtureRequest, provider: RunningProvider) -> tuple[Caller, list[object]]:
    """A caller, and what its app sees without the hook."""
    api, kind = request.param
    caller = kind(api, provider.url)
    return caller, app(caller)


@pytest.mark.parametrize(("owner", "name"), STEPS, ids=lambda part: getattr(part, "__name__", part))
def test_a_step_that_fails_is_counted_and_the_app_goes_on(
    owner: object, name: str, witness: tuple[Caller, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, without = witness
    monkeypatch.setattr(owner, name, broken)
    with recording() as recorder:
        assert app(caller) == without
    assert recorder.hook_errors > 0
    assert (_engine._frame.get(), _engine._sending.get()) == (None, None)


def test_after_a_hundred_failures_in_a_row_the_engine_does_nothing(
    provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording() as recorder:
        with monkeypatch.context() as patched, httpx2.Client() as client:
            patched.setattr(Attempt, "__init__", broken)
            for _ in range(MAX_FAILURES + 1):
                client.post(f"{provider.url}/v1/embeddings", json={"input": "x"})
        SyncCaller(CHAT, provider.url).unary("model")
        AsyncCaller(MESSAGES, provider.url).unary("model")
    assert recorder.attempts == []
    assert recorder.hook_errors == MAX_FAILURES


def test_one_success_ends_a_row_of_failures(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "MAX_FAILURES", 2)
    with recording() as recorder, httpx2.Client() as client:
        for _ in range(3):
            with monkeypatch.context() as patched:
                patched.setattr(Recorder, "emit", broken)
                client.post(f"{provider.url}/v1/embeddings", json={"input": "x"})
            client.post(f"{provider.url}/v1/embeddings", json={"input": "x"})
    assert len(recorder.attempts) == 3
