"""Every step of botocore's seam fails, one at a time: the app gets what it would have got without it."""

from __future__ import annotations

import inspect
import json
from contextlib import closing
from typing import Any

import boto3
import botocore.exceptions
import botocore.retries.quota
import botocore.retries.standard
import pytest
from bedrock_server import BedrockServer
from botocore.config import Config
from hook_recorder import Recorder, recording
from tokentide.hooks import _botocore, _engine, attempt
from tokentide.hooks._engine import Engine
from tokentide.hooks.attempt import Attempt, Flow, Frame

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "How do I top up my card?"}]}]}
# Putting the hook in place, the hook itself, the guard, and what is asked where two providers share a path.
NOT_A_STEP = {"__init__", "start", "stop", "patch", "_patch", "patched", "replace", "on_stop", "_watched", "host"} | {
    "leave_streams",  # at the end of the process
    *("add_late", "_add_to_the_tail"),  # there is no long stream among them
    *("chunks", "stamps", "blocked", "head", "size"),  # the worker's
}


def steps() -> list[tuple[object, str]]:
    """Every function and property of the seam and of what it calls on the app's thread."""
    found: list[tuple[object, str]] = [(Recorder, "emit"), (attempt, "clock"), (Attempt, "__init__")]
    for owner in (Engine, Flow, Frame, _botocore, _botocore._Request, _botocore._Address):
        module = owner if inspect.ismodule(owner) else inspect.getmodule(owner)
        found += [
            (owner, name)
            for name, value in vars(owner).items()
            if isinstance(value, property) or (inspect.isroutine(value) and inspect.getmodule(value) is module)
        ]
    return [(owner, name) for owner, name in found if name not in NOT_A_STEP or owner is Attempt]


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a fault in the hook")


def app(runtime: Any) -> list[object]:
    """What an app sees of a few calls: answers, events, errors."""

    def said(model: str) -> object:
        return runtime.converse(modelId=model, **ASKED)["output"]

    def events(model: str) -> Any:
        return runtime.converse_stream(modelId=model, **ASKED)["stream"]

    def body(model: str) -> Any:
        return runtime.invoke_model(modelId=model, body=json.dumps(ASKED))["body"]

    def drained(model: str) -> object:
        with closing(events(model)) as opened:
            return list(opened)

    seen: list[object] = [said("model"), said("fail1-model"), drained("s5x1-model")]
    seen += [body("model").read(), b"".join(body("model").iter_chunks(9)), list(body("model").iter_lines())]
    unread, left = events("s9x1-model"), events("s9x1-model")
    seen += [unread.close(), next(iter(left)), left.close()]
    failing = ((said, "status500"), (said, "delay600"), (body, "status500"), (drained, "cut3"), (drained, "thrown"))
    for call, behaviour in failing:
        with pytest.raises(Exception, match=r".+") as raised:
            call(f"{behaviour}-model")
        seen.append(type(raised.value))
    return seen


@pytest.fixture(scope="module")
def runtime(bedrock: BedrockServer) -> Any:
    config = Config(retries={"total_max_attempts": 2, "mode": "standard"}, read_timeout=0.25)
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=bedrock.url, config=config, **keys)


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore waits up to a second, at random, and one client retries about a hundred times at most."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0)
    monkeypatch.setattr(botocore.retries.quota.RetryQuota, "acquire", lambda *_: True)


@pytest.fixture(scope="module")
def without(runtime: Any) -> list[object]:
    """What the app sees without the hook."""
    seen = app(runtime)
    assert botocore.exceptions.ReadTimeoutError in seen
    return seen


@pytest.mark.parametrize(("owner", "name"), steps(), ids=lambda part: getattr(part, "__name__", part))
def test_a_step_that_fails_is_counted_and_the_app_goes_on(
    owner: object,
    name: str,
    bedrock: BedrockServer,
    runtime: Any,
    without: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bedrock.tries.clear()
    with monkeypatch.context() as patched, recording(content="full") as recorder:
        patched.setattr(owner, name, property(broken) if isinstance(vars(owner)[name], property) else broken)
        assert app(runtime) == without
    assert recorder.hook_errors > 0
    assert (_engine._open(_engine._frame), _engine._open(_engine._sending)) == (None, None)
