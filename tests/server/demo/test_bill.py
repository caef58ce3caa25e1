from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

import pytest

from server.demo.bill import NoPrice, bill, price_list
from server.demo.provider import Answered

AT = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
ANSWERED = Answered(
    at=AT,
    provider="openai",
    operation="chat",
    model="gpt-5-mini",
    http_status=200,
    usage={"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 10},
    tells_usage=True,
    team="search",
    request_id="req_1",
)


def test_cached_tokens_are_cheaper_than_fresh_ones() -> None:
    assert bill([ANSWERED], AT) == {"search": Decimal("0.00018")}  # (600 × 0.25 + 400 × 0.025 + 10 × 2) / 10⁶


def test_every_team_has_a_bill_of_its_own() -> None:
    other = replace(ANSWERED, team="growth", usage={"input_tokens": 4, "cache_read_tokens": 0, "output_tokens": 0})
    assert bill([ANSWERED, other, other], AT) == {"search": Decimal("0.00018"), "growth": Decimal("0.000002")}


def test_errors_and_untold_usage_add_nothing() -> None:
    refused = replace(ANSWERED, http_status=429, usage={})
    assert bill([refused, replace(ANSWERED, tells_usage=False)], AT) == {"search": 0}


def test_a_long_prompt_has_the_rates_of_long_prompts() -> None:
    usage = {"input_tokens": 300_000, "cache_read_tokens": 0, "output_tokens": 0}
    answered = replace(ANSWERED, provider="anthropic", model="claude-sonnet-4-5", usage=usage)
    assert bill([answered], AT) == {"search": Decimal("1.8")}


def test_a_model_without_a_price_is_an_error() -> None:
    with pytest.raises(NoPrice, match="gpt-0"):
        bill([replace(ANSWERED, model="gpt-0")], AT)


def test_what_the_apps_use_has_a_price() -> None:
    listed = price_list(AT)
    used = [("openai", "gpt-5-mini"), ("openai", "text-embedding-3-small"), ("anthropic", "claude-sonnet-4-5")]
    assert all(listed[model] for model in used)
