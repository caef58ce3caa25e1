"""Servers of the providers, and the client libraries that call them. What a fixture needs is imported in it: one of the
environments that this folder is tested in has only some of the libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from client_suite import WAYS, Caller, Cancelling, Way
from hook_recorder import Recorder, recording

from server.demo.provider import RunningProvider, running_provider

if TYPE_CHECKING:
    from bedrock_server import BedrockServer
    from gemini_server import RunningGemini
    from scripted_server import ScriptedServer


@pytest.fixture(scope="session")
def provider() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="session")
def gemini() -> Iterator[RunningGemini]:
    from gemini_server import running_gemini

    with running_gemini() as running:
        yield running


@pytest.fixture(scope="session")
def scripted() -> Iterator[ScriptedServer]:
    from scripted_server import scripted_server

    libraries = {"mistralai": "mistral_caller", "cohere": "cohere_caller", "ollama": "ollama_caller"}
    callers = [import_module(caller) for library, caller in libraries.items() if find_spec(library)]
    with scripted_server({module.PATH: module.DIALECT for module in callers}) as running:
        yield running


@pytest.fixture(scope="session")
def bedrock() -> Iterator[BedrockServer]:
    from bedrock_server import bedrock_server

    with bedrock_server() as running:
        yield running


@pytest.fixture
def bedrock_at_once(bedrock: BedrockServer, monkeypatch: pytest.MonkeyPatch) -> BedrockServer:
    """botocore would wait up to a second, at random, before it tries again."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    bedrock.tries.clear()
    return bedrock


@pytest.fixture
def runtime(bedrock_at_once: BedrockServer) -> Any:
    """botocore's client of Bedrock."""
    from bedrock_clients import client

    return client(bedrock_at_once.url)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as active:
        yield active


def opened(request: pytest.FixtureRequest) -> Any:
    """The caller for a row of the table of client libraries, in one of its ways."""
    row, way = request.param.row, request.param.way
    module, _, name = row.place.partition(":")
    return getattr(import_module(module), name)(request.getfixturevalue(row.server), way, row.operation)


def those(**asked: bool) -> list[Way]:
    """The ways of all rows that are as asked for."""
    return [each for each in WAYS if all(getattr(each.row, name) is value for name, value in asked.items())]


@pytest.fixture(params=WAYS, ids=str)
def caller(request: pytest.FixtureRequest) -> Caller:
    return opened(request)


@pytest.fixture(params=those(retries=True), ids=str)
def retrier(request: pytest.FixtureRequest) -> Caller:
    return opened(request)


@pytest.fixture(params=those(streams=True), ids=str)
def streamer(request: pytest.FixtureRequest) -> Caller:
    return opened(request)


@pytest.fixture(params=those(streams=True, retries_streams=True), ids=str)
def stream_retrier(request: pytest.FixtureRequest) -> Caller:
    return opened(request)


@pytest.fixture(params=those(has_raw=True), ids=str)
def raw_caller(request: pytest.FixtureRequest) -> Any:
    return opened(request)


@pytest.fixture(params=[each for each in WAYS if each.way.startswith("async")], ids=str)
def canceller(request: pytest.FixtureRequest) -> Cancelling:
    return opened(request)
