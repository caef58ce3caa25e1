from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from tokentide.call import STATUSES
from tokentide.hooks._outcome import status_of, stream_outcome
from tokentide.hooks.anthropic import PROVIDER as ANTHROPIC
from tokentide.hooks.openai import PROVIDER as OPENAI
from tokentide.hooks.provider import Failure


def openai_error(code: str | None, kind: str = "invalid_request_error", **more: Any) -> Failure:
    return OPENAI.failure({"error": {"message": "…", "type": kind, "code": code, **more}})


def anthropic_error(kind: str, message: str = "…") -> Failure:
    return ANTHROPIC.failure({"type": "error", "error": {"type": kind, "message": message}})


@pytest.mark.parametrize(
    ("http_status", "failure", "status"),
    [
        (200, Failure(), "ok"),
        (200, openai_error("server_error"), "server_error"),
        (200, anthropic_error("overloaded_error"), "server_error"),
        (400, openai_error(None), "invalid_request"),
        (400, openai_error("context_length_exceeded"), "context_length"),
        (400, openai_error("content_filter"), "content_filter"),
        (400, openai_error("x", innererror={"code": "ResponsibleAIPolicyContentPolicy"}), "content_filter"),
        (400, anthropic_error("invalid_request_error"), "invalid_request"),
        (400, anthropic_error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "context_length"),
        (400, anthropic_error("invalid_request_error", "Output blocked by content filtering policy"), "content_filter"),
        (401, openai_error("invalid_api_key"), "auth"),
        (403, Failure(), "auth"),
        (404, openai_error("model_not_found"), "invalid_request"),
        (408, Failure(), "timeout"),
        (429, openai_error("insufficient_quota"), "rate_limited"),
        (500, Failure(), "server_error"),
        (504, anthropic_error("timeout_error"), "timeout"),
        (529, anthropic_error("overloaded_error"), "server_error"),
    ],
)
def test_status_of_an_answer(http_status: int, failure: Failure, status: str) -> None:
    assert status_of(http_status, None, failure) == status
    assert status in STATUSES


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (httpx2.ReadTimeout, "timeout"),
        (httpx2.PoolTimeout, "timeout"),
        (httpx2.ConnectError, "network"),
        (httpx2.RemoteProtocolError, "network"),
        (ConnectionResetError, "network"),
        (TimeoutError, "timeout"),
        (asyncio.CancelledError, "cancelled"),
        (KeyboardInterrupt, "cancelled"),
        (ZeroDivisionError, "unknown"),
    ],
)
def test_an_exception_says_more_than_the_status_before_it(error: type[BaseException], status: str) -> None:
    assert status_of(0, error, Failure()) == status
    assert status_of(200, error, Failure()) == status


def test_a_stream_that_the_app_leaves_was_answered_well() -> None:
    assert status_of(200, GeneratorExit, Failure()) == "ok"


@pytest.mark.parametrize(
    ("is_complete", "error", "outcome"),
    [
        (True, GeneratorExit, "complete"),
        (True, None, "complete"),
        (False, GeneratorExit, "abandoned"),
        (False, asyncio.CancelledError, "abandoned"),
        (False, None, "broken"),
        (False, httpx2.ReadError, "broken"),
    ],
)
def test_the_end_mark_decides_how_a_stream_went(
    is_complete: bool, error: type[BaseException] | None, outcome: str
) -> None:
    assert stream_outcome(is_complete, error) == outcome
