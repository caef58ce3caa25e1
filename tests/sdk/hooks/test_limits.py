from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokentide.hooks.anthropic import PROVIDER as ANTHROPIC
from tokentide.hooks.google import PROVIDER as GOOGLE
from tokentide.hooks.limits import count, duration_ms, retry_after_ms, until_ms
from tokentide.hooks.openai import PROVIDER as OPENAI

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("12ms", 12),
        ("1s", 1000),
        ("6m0s", 360_000),
        ("1h2m3.5s", 3_723_500),
        ("1d", 86_400_000),
        ("850µs", 0.85),
        ("0s", 0),
        ("2", 2000),
        ("0.5", 500),
        ("", None),
        ("soon", None),
        ("6m later", None),
        ("-1", None),
        ("nan", None),
        ("1s2", None),
    ],
)
def test_durations(written: str, milliseconds: float | None) -> None:
    assert duration_ms(written) == milliseconds


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    written = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    assert duration_ms(written) == ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds


@given(st.text())
def test_no_text_makes_a_duration_fail(written: str) -> None:
    assert (duration_ms(written) or 0) >= 0


@given(st.integers(0, 10**6))
def test_an_instant_is_as_far_as_it_is(seconds: int) -> None:
    written = (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert until_ms(written, NOW) == seconds * 1000


@pytest.mark.parametrize(("written", "milliseconds"), [("2026-11-20T11:59:00Z", 0), ("", None), ("tomorrow", None)])
def test_instants(written: str, milliseconds: float | None) -> None:
    assert until_ms(written, NOW) == milliseconds


@pytest.mark.parametrize(
    ("headers", "milliseconds"),
    [
        ({"retry-after-ms": "20", "retry-after": "3"}, 20),
        ({"retry-after": "3"}, 3000),
        ({"retry-after": "1.5"}, 1500),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:10 GMT"}, 10_000),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], milliseconds: float | None) -> None:
    assert retry_after_ms(headers, NOW) == milliseconds


@pytest.mark.parametrize(("written", "number"), [("0", 0), ("5000", 5000), ("-1", None), ("", None), ("9" * 19, None)])
def test_counts(written: str, number: int | None) -> None:
    assert count(written) == number


def test_openai_headers() -> None:
    headers = {
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-tokens": "-1",
        "x-ratelimit-reset-tokens": "6ms",
    }
    assert OPENAI.limits(headers, NOW) == {
        "limit_requests": 10_000,
        "remaining_requests": 9999,
        "reset_requests_ms": 360_000,
        "limit_tokens": 2_000_000,
        "reset_tokens_ms": 6,
    }


def test_anthropic_headers_fall_back_to_input_tokens() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:30Z",
        "anthropic-ratelimit-input-tokens-limit": "400000",
        "anthropic-ratelimit-input-tokens-remaining": "399000",
    }
    assert ANTHROPIC.limits(headers, NOW) == {
        "limit_requests": 4000,
        "remaining_requests": 3999,
        "reset_requests_ms": 30_000,
        "limit_tokens": 400_000,
        "remaining_tokens": 399_000,
    }


API = "generativelanguage.googleapis.com"
VERTEX = "aiplatform.googleapis.com"
MODEL = {"location": "global", "model": "gemini-2.5-flash"}
INPUT_A_DAY = {
    "quotaMetric": f"{API}/generate_content_free_tier_input_token_count",
    "quotaId": "GenerateContentInputTokensPerModelPerDay-FreeTier",
    "quotaDimensions": MODEL,
    "quotaValue": "6000000",
}
INPUT_A_MINUTE = {
    **INPUT_A_DAY,
    "quotaId": "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    "quotaValue": "1000",
}
REQUESTS = {
    "quotaMetric": f"{API}/generate_content_free_tier_requests",
    "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    "quotaDimensions": MODEL,
    "quotaValue": "250",
}


def exceeded(*violations: Any) -> Any:
    """What Google names as the limits of a 429 with these violations."""
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(violations)}
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "20s"}
    error = {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED", "details": [failure, retry]}
    return GOOGLE.failure({"error": error}).limits


@pytest.mark.parametrize(
    ("violations", "expected"),
    [
        ([REQUESTS], {"limit_requests": 250}),
        ([INPUT_A_DAY, REQUESTS], {"limit_tokens": 6_000_000, "limit_requests": 250}),
        ([INPUT_A_MINUTE, INPUT_A_DAY], {"limit_tokens": 1000}),
        ([{"quotaMetric": f"{VERTEX}/online_prediction_requests_per_base_model", "quotaValue": "60"}], 60),
        ([{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": 10}], 10),
        ([{**REQUESTS, "quotaValue": "0"}], 0),
    ],
    ids=["requests", "both", "the first of two windows", "Vertex AI", "only an id, and a number", "none at all"],
)
def test_googles_error_names_the_limit_that_was_hit(violations: Any, expected: Any) -> None:
    assert exceeded(*violations) == ({"limit_requests": expected} if isinstance(expected, int) else expected)


@pytest.mark.parametrize("value", [None, "", "many", "-1", "1e6", "1.5", -1, 2.5, True, [], {}, "9" * 400, 10**30])
def test_a_limit_that_is_none_is_left_out(value: Any) -> None:
    assert exceeded({**REQUESTS, "quotaValue": value}, INPUT_A_DAY) == {"limit_tokens": 6_000_000}


@pytest.mark.parametrize(
    "violation",
    [
        None,
        "violation",
        ["quotaValue"],
        {},
        {"quotaValue": "5"},
        {"quotaMetric": 3, "quotaId": None, "quotaValue": "5"},
        {"quotaMetric": f"{API}/file_storage_bytes", "quotaId": "FileStorageBytesPerProject", "quotaValue": "5"},
        {key: value for key, value in REQUESTS.items() if key != "quotaValue"},
    ],
)
def test_a_violation_that_says_nothing_of_requests_or_tokens_is_left_out(violation: Any) -> None:
    assert exceeded(violation) == {}
    assert exceeded(violation, REQUESTS) == {"limit_requests": 250}


@pytest.mark.parametrize("details", [None, "x", {}, [None, 1, "x", []], [{"violations": {"quotaValue": "5"}}]])
def test_details_of_any_shape_name_no_limit(details: Any) -> None:
    assert GOOGLE.failure({"error": {"code": 429, "details": details}}).limits == {}
