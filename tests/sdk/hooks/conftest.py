from __future__ import annotations

from collections.abc import Iterator

import pytest
from hook_clients import APIS, Api, AsyncCaller, Caller, SyncCaller
from hook_recorder import Recorder, recording

from server.demo.provider import RunningProvider, running_provider


@pytest.fixture(scope="session")
def provider() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


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
