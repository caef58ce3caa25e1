"""Event hooks and authentication of the app's own, which may raise what they like inside a request."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hook_recorder import Recorder

ADDRESS = "https://api.openai.com/v1/chat/completions"


def asked(error: Exception) -> httpx2.Client:
    """A client whose request hook raises."""

    def refuse(request: httpx2.Request) -> None:
        raise error

    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))
    return httpx2.Client(transport=transport, event_hooks={"request": [refuse]})


class Foreign(Exception):
    """Of another library, botocore's for example, whose `response` is a dictionary."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.response = response


class Nasty(Exception):
    """Its `response` cannot be asked for."""

    @property
    def response(self) -> Any:
        raise ZeroDivisionError


@pytest.mark.parametrize("error", [Foreign({"Error": {}}), Foreign(None), Foreign(42), Nasty()])
def test_an_exception_with_a_response_of_another_shape_is_recorded(error: Exception, recorder: Recorder) -> None:
    with asked(error) as client, pytest.raises(type(error)):
        client.post(ADDRESS, json={})
    call = recorder.call()
    assert (call.status, call.http_status, call.error_code) == ("unknown", None, type(error).__name__)


def test_the_answer_of_another_server_is_not_the_providers(recorder: Recorder) -> None:
    """The hook asked a token server, which refused it."""
    refused = httpx2.Response(401, request=httpx2.Request("POST", "https://login.example/token"))
    error = httpx2.HTTPStatusError("no", request=refused.request, response=refused)
    with asked(error) as client, pytest.raises(httpx2.HTTPStatusError):
        client.post(ADDRESS, json={})
    assert (recorder.call().status, recorder.call().http_status) == ("unknown", None)


def test_an_answer_that_a_hook_raises_is_the_providers(recorder: Recorder) -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(429, headers={"retry-after-ms": "20"}))
    hooks = {"response": [httpx2.Response.raise_for_status]}
    with httpx2.Client(transport=transport, event_hooks=hooks) as client, pytest.raises(httpx2.HTTPStatusError):
        client.post(ADDRESS, json={})
    call = recorder.call()
    assert (call.status, call.http_status, call.retry_after_ms) == ("rate_limited", 429, 20)
