from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.demo.answers import Answer, token_count
from server.demo.behaviour import Arrival, Mixture, Plan, told_by_name
from server.demo.provider import running_provider

ARRIVAL = Arrival(
    number=0,
    at=datetime(2026, 11, 20, tzinfo=timezone.utc),
    provider="openai",
    operation="chat",
    model="m",
    team="",
    retry=0,
    stream=False,
    prompt="",
)


def test_a_mixture_has_about_the_shares_it_was_given() -> None:
    mixture = Mixture(seed=7, rate_limited_share=0.2, failed_share=0.1)
    statuses = [mixture.plan(replace(ARRIVAL, number=number)).http_status for number in range(2000)]
    assert 0.17 < statuses.count(429) / 2000 < 0.23
    assert 0.08 < statuses.count(500) / 2000 < 0.12


def test_the_same_arrival_gets_the_same_plan() -> None:
    mixture = Mixture(seed=7, rate_limited_share=0.5)
    assert mixture.plan(ARRIVAL) == mixture.plan(ARRIVAL)


@pytest.mark.parametrize(
    ("model", "retry", "plan"),
    [
        ("gpt-4o", 0, Plan()),
        ("fail2-gpt-4o", 1, Plan(http_status=429)),
        ("fail2-gpt-4o", 2, Plan()),
        ("status500-m", 0, Plan(http_status=500)),
        ("delay200-s5x10-m", 0, Plan(delay_seconds=0.2, chunks=5, gap_seconds=0.01)),
        ("cut3-cached50-m", 0, Plan(cut_after=3, cached_share=0.5)),
    ],
)
def test_a_models_name_may_give_instructions(model: str, retry: int, plan: Plan) -> None:
    assert told_by_name(replace(ARRIVAL, model=model, retry=retry), Plan()) == plan


@given(st.text(min_size=1, max_size=200), st.integers(1, 50))
def test_pieces_add_up_to_the_text(text: str, count: int) -> None:
    answer = Answer(request_id="1", model="m", text=text, input_tokens=1, cached_tokens=0, output_tokens=1, created=0)
    assert "".join(answer.pieces(count)) == text
    assert len(answer.pieces(count)) <= count


def test_the_log_says_what_was_answered_and_for_whom() -> None:
    body = {"model": "cached50-m", "messages": [{"role": "user", "content": "four letters"}]}
    with running_provider() as provider:
        url = f"{provider.openai_url}/chat/completions"
        answer = httpx.post(url, json=body, headers={"x-demo-team": "search"})
        refused = httpx.post(url, json=body | {"model": "status500-m"})
    first, second = provider.log.answered
    assert (first.team, first.http_status, first.request_id) == ("search", 200, answer.headers["x-request-id"])
    assert first.usage == {
        "input_tokens": token_count("four letters"),
        "cache_read_tokens": 1,
        "output_tokens": answer.json()["usage"]["completion_tokens"],
    }
    assert (second.http_status, second.usage, refused.status_code) == (500, {}, 500)
