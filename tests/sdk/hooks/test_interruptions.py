"""Signals that arrive while a step of the hook runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hook_recorder import Recorder
from tokentide.hooks import _engine
from tokentide.hooks._engine import Engine
from tokentide.hooks._routes import Routes
from tokentide.hooks.attempt import Attempt

ADDRESS = "https://api.openai.com/v1/chat/completions"


class OutOfTime(Exception):
    """As a task queue raises it in a task that takes too long."""


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))) as opened:
        yield opened


def test_an_exception_of_a_signal_handler_reaches_the_app(
    client: httpx2.Client, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limit(number: int, frame: Any) -> None:
        raise OutOfTime

    def interrupted(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, limit)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Routes, "find", interrupted)
            with pytest.raises(OutOfTime):
                client.post(ADDRESS, json={})
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert recorder.hook_errors == 0


@pytest.mark.parametrize(("owner", "name"), [(Engine, "enter"), (Engine, "leave"), (Engine, "answered")])
def test_after_a_keyboard_interrupt_calls_are_recorded_as_before(
    owner: type, name: str, client: httpx2.Client, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = getattr(owner, name)

    def interrupted(*arguments: Any) -> None:
        step(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.post(ADDRESS, json={})
    recorder.attempts.clear()
    recorder.hook_errors = 0
    client.post(ADDRESS, json={})
    assert recorder.call().status == "ok"
    assert (_engine._open(_engine._frame), _engine._open(_engine._sending)) == (None, None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_stream_that_is_open_while_the_process_forks_is_recorded_once(recorder: Recorder) -> None:
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=iter([b"data: {}"]))
    )
    with httpx2.Client(transport=transport) as client:
        opened = client.send(client.build_request("POST", ADDRESS, json={}), stream=True)
        child = os.fork()
        if not child:
            opened.close()
            os._exit(len(recorder.attempts))
        assert os.waitpid(child, 0)[1] == 0
        opened.read()
    assert isinstance(recorder.attempts[0], Attempt)
    assert len(recorder.attempts) == 1
