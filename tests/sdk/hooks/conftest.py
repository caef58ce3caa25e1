from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.retries.standard
import pytest
from bedrock_clients import client
from bedrock_server import BedrockServer, bedrock_server
from hook_clients import APIS, Api, AsyncCaller, Caller, SyncCaller
from hook_recorder import Recorder, recording

from server.demo.provider import RunningProvider, running_provider


@pytest.fixture(scope="session")
def provider() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="session")
def bedrock() -> Iterator[BedrockServer]:
    with bedrock_server() as running:
        yield running


@pytest.fixture
def runtime(bedrock: BedrockServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """botocore's client of Bedrock, which would wait up to a second, at random, before it tries again."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0)
    bedrock.tries.clear()
    return client(bedrock.url)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as active:
        yield active


@pytest.fixture(params=APIS, ids=lambda api: api.operation)
def api(request: pytest.FixtureRequest) -> Api:
    return request.param


@pytest.fixture(params=[SyncCaller, AsyncCaller], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest, api: Api, provider: RunningProvider) -> Caller:
    return request.param(api, provider.url)


@pytest.fixture(params=[api for api in APIS if api.streams], ids=lambda api: api.operation)
def streaming_api(request: pytest.FixtureRequest) -> Api:
    return request.param


@pytest.fixture(params=[SyncCaller, AsyncCaller], ids=["sync", "async"])
def streamer(request: pytest.FixtureRequest, streaming_api: Api, provider: RunningProvider) -> Caller:
    return request.param(streaming_api, provider.url)
