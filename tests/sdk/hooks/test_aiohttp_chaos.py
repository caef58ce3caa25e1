"""Every step of aiohttp's seam fails, one at a time: the app gets what it would have got without it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator

import pytest
from gemini_server import running_gemini
from google import genai
from google.genai import types
from hook_recorder import Recorder, recording
from tokentide.hooks import _aiohttp, _engine, attempt
from tokentide.hooks._engine import Engine
from tokentide.hooks._routes import Routes
from tokentide.hooks.attempt import Attempt, Flow, Frame

# The client library subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

# What runs when the hook is put in place, and what is not on the app's way.
NOT_A_STEP = {"__init__", "patch", "_patch", "make_tee", "replace", "start", "stop", "complete", "held_bytes"} | {
    "leave_streams",  # at the end of the process
}
PATCHING = {"patched", "on_stop", "_watched", "_read_through", "_answer_in", "add_late", "_add_to_the_tail"}


def steps() -> list[tuple[object, str]]:
    """Every function that runs on the app's thread when an app's calls go through aiohttp."""
    found: list[tuple[object, str]] = [(Recorder, "emit"), (_aiohttp._Request, "__init__"), (Attempt, "__init__")]
    for owner in (Engine, Routes, Frame, Attempt, Flow, _engine, _aiohttp):
        module = owner if inspect.ismodule(owner) else inspect.getmodule(owner)
        own = [name for name, value in vars(owner).items() if inspect.isfunction(value)]
        own = [name for name in own if inspect.getmodule(getattr(owner, name)) is module]
        found += [(owner, name) for name in own if name not in NOT_A_STEP | PATCHING]
    return [*found, (attempt, "clock"), (_engine, "clock")]


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a fault in the hook")


def app(url: str) -> list[object]:
    """What an app sees of a few calls through Google's client library: answers, events, errors."""

    async def main() -> list[object]:
        retries = types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.02, jitter=0.01)
        options = types.HttpOptions(base_url=url, retry_options=retries)
        seen: list[object] = []
        async with genai.Client(api_key="key", http_options=options).aio as client:
            answer = await client.models.generate_content(model="fail1-gemini", contents="How?")
            seen += [type(answer), answer.text]
            for model in ("s5x0-gemini", "cut3-gemini", "status500-gemini", "delay400-gemini"):
                late = types.GenerateContentConfig(http_options=types.HttpOptions(timeout=100))
                config = late if "delay" in model else None
                try:
                    async for event in await client.models.generate_content_stream(
                        model=model, contents="How?", config=config
                    ):
                        seen += [type(event), event.text]
                except Exception as error:  # noqa: BLE001  # whatever it is, it must be the same with the hook
                    seen.append(type(error))
        return seen

    return asyncio.run(main())


@pytest.fixture(scope="module")
def witness() -> Iterator[tuple[str, list[object]]]:
    """The address of a server, and what its app sees without the hook."""
    with running_gemini() as gemini:
        without = app(gemini.url)
        assert {type(part).__name__ for part in without} == {"type", "str", "NoneType", "ModelMetaclass"}
        yield gemini.url, without


@pytest.mark.parametrize(("owner", "name"), steps(), ids=lambda part: getattr(part, "__name__", part))
def test_a_step_that_fails_is_counted_and_the_app_goes_on(
    owner: object, name: str, witness: tuple[str, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, without = witness
    with monkeypatch.context() as patched, recording(content="full") as recorder:
        patched.setattr(owner, name, broken)
        assert app(url) == without
    assert recorder.hook_errors > 0
    assert (_engine._open(_engine._frame), _engine._open(_engine._sending)) == (None, None)
