"""Every step of the engine fails, one at a time: the app gets what it would have got without it."""

from __future__ import annotations

import inspect

import httpx2
import pytest
from hook_clients import APIS, AsyncCaller, Caller, SyncCaller
from hook_recorder import Recorder, recording
from tokentide.hooks import _engine, _guard, _httpx, attempt
from tokentide.hooks._engine import Engine
from tokentide.hooks._guard import MAX_FAILURES
from tokentide.hooks._routes import Routes
from tokentide.hooks.attempt import Attempt, Flow, Frame

from server.demo.provider import RunningProvider

# What runs when the hook is put in place and taken away, and the guard itself, which is what is tested here.
NOT_A_STEP = {"start", "stop", "patch", "_patch", "patched", "replace", "on_stop", "make_tees", "request", "send"}
SETUP: dict[object, set[str]] = {
    Engine: {"__init__", "leave_streams"},  # at the end of the process
    Routes: {"__init__"},
    Attempt: {"held_bytes"},  # the emitter's
    # There is no long one among them, and OpenAI's client leaves a stream at its end mark and does not ask again. What
    # the tees do for a chunk by themselves is broken by a limit that is no number.
    Flow: {"add", "add_late", "_add_to_the_tail", "resumed"},
    _engine: {"_answer_in"},  # only where the app's own event hook raises
    _httpx: {
        "_watched",
        "_watched_async",
        "_sync_tee",
        "_async_tee",
    },
}


def steps() -> list[tuple[object, str]]:
    """Every function that runs on the app's thread."""
    found: list[tuple[object, str]] = [(Recorder, "emit"), (_engine, "current_tags")]
    for owner in (Engine, Routes, Frame, Attempt, Flow, _engine, _httpx, attempt):
        own = [name for name, value in vars(owner).items() if inspect.isfunction(value) and _is_ours(owner, value)]
        found += [(owner, name) for name in own if name not in NOT_A_STEP | SETUP.get(owner, set())]
    return [*found, (_engine, "clock"), (attempt, "clock"), (_httpx, "MOST_PASSED")]


def _is_ours(owner: object, function: object) -> bool:
    return inspect.getmodule(function) is (owner if inspect.ismodule(owner) else inspect.getmodule(owner))


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
            caller.unary(model, attempts=1, timeout=timeout)
        seen.append(type(raised.value))
    with pytest.raises(Exception, match=r".+") as lost:
        caller.stream("cut3-model", attempts=1)
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


@pytest.mark.parametrize(("owner", "name"), steps(), ids=lambda part: getattr(part, "__name__", part))
def test_a_step_that_fails_is_counted_and_the_app_goes_on(
    owner: object, name: str, witness: tuple[Caller, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, without = witness
    with monkeypatch.context() as patched, recording(content="full") as recorder:
        patched.setattr(owner, name, broken)
        assert app(caller) == without
    assert recorder.hook_errors > 0
    assert (_engine._open(_engine._frame), _engine._open(_engine._sending)) == (None, None)


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


@pytest.mark.parametrize(
    ("owner", "name"), [(_engine.Engine, "leave"), (_httpx, "covered"), (_httpx, "MOST_PASSED"), (Attempt, "__init__")]
)
def test_a_step_that_always_fails_ends_all_recording_though_the_others_succeed(
    owner: object, name: str, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "MAX_FAILURES", 3)
    body = {"model": "s3x0-model", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    with recording(include_usage_hosts=("127.0.0.1",)) as recorder, httpx2.Client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            for _ in range(3):
                client.get(f"{provider.url}/nothing")
                with client.stream("POST", f"{provider.openai_url}/chat/completions", json=body) as response:
                    response.read()
        recorder.attempts.clear()
        client.post(f"{provider.url}/v1/embeddings", json={"input": "x"})
    assert recorder.attempts == []


def test_one_success_ends_a_row_of_failures(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "MAX_FAILURES", 2)
    with recording() as recorder, httpx2.Client() as client:
        for _ in range(3):
            with monkeypatch.context() as patched:
                patched.setattr(Recorder, "emit", broken)
                client.post(f"{provider.url}/v1/embeddings", json={"input": "x"})
            client.post(f"{provider.url}/v1/embeddings", json={"input": "x"})
    assert len(recorder.attempts) == 3
