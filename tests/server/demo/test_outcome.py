from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from server.demo.outcome import Outcome, compare, is_settled
from server.demo.provider import Answered

AT = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def answered(count: int) -> list[Answered]:
    usage = {"input_tokens": 1000, "cache_read_tokens": 0, "output_tokens": 0}
    one = Answered(
        at=AT,
        provider="openai",
        operation="chat",
        model="gpt-5-mini",
        http_status=200,
        usage=usage,
        tells_usage=True,
        team="search",
        request_id="req_1",
    )
    return [one] * count


def summary(**changes: Any) -> dict[str, Any]:
    return {
        "calls": {"stored": 4, "counted": 4, "delivered": 4, "dead_letters": 0},
        "teams": [{"team": "search", "priced": 4, "cost": "0.001200000000", "estimated_cost": "0.000200000000"}],
        "producers": [{"missing": 0, "dropped": 0}],
        "alerts": [
            {"alert": "RateLimitRatioHigh", "resolved_at": "12:00"},
            {"alert": "TeamSpendOverDailyLimit", "resolved_at": None},
        ],
        "findings": [{"team": "support"}],
        **changes,
    }


def outcome(**changes: Any) -> Outcome:
    return compare(3, answered(4), summary(**changes), "http://127.0.0.1:1", AT)


def test_what_agrees_has_no_gap() -> None:
    found = outcome()
    assert found.gaps() == found.silences() == []
    assert (found.calls, found.attempts, found.stored, found.lost, found.duplicates) == (3, 4, 4, 0, 0)
    assert found.cost_by_team == found.provider_cost_by_team == {"search": "0.001"}
    assert found.estimated_by_team == {"search": "0.0002"}
    assert found.priced_share == 1
    assert found.alerts[0]["resolved"]


@pytest.mark.parametrize(
    ("changes", "gap"),
    [
        (
            {"calls": {"stored": 3, "counted": 3, "delivered": 3, "dead_letters": 0}},
            "3 of 4 attempts are stored, 1 are",
        ),
        (
            {"calls": {"stored": 5, "counted": 5, "delivered": 5, "dead_letters": 0}},
            "5 of 4 attempts are stored, 0 are",
        ),
        ({"calls": {"stored": 4, "counted": 5, "delivered": 5, "dead_letters": 0}}, "1 attempts are counted more than"),
        ({"calls": {"stored": 4, "counted": 4, "delivered": 4, "dead_letters": 2}}, "2 are lost"),
        ({"producers": [{"missing": 1, "dropped": 2}]}, "3 are lost"),
        (
            {"teams": [{"team": "search", "priced": 4, "cost": "0.001000000001", "estimated_cost": "0"}]},
            "says that the teams cost",
        ),
        ({"teams": [{"team": "search", "priced": 0, "cost": None, "estimated_cost": "0"}]}, "says that the teams cost"),
    ],
)
def test_what_disagrees_is_a_gap(changes: dict[str, Any], gap: str) -> None:
    (said,) = outcome(**changes).gaps()
    assert gap in said


def test_a_run_without_an_alert_or_the_finding_is_silent() -> None:
    silences = outcome(alerts=[], findings=[{"team": "search"}]).silences()
    assert silences == [
        "the alert RateLimitRatioHigh did not fire",
        "the alert TeamSpendOverDailyLimit did not fire",
        "the new topic of the team support was not found",
    ]


@pytest.mark.parametrize(
    ("stored", "counted", "missing", "settled"),
    [(4, 4, 0, True), (3, 3, 0, False), (4, 3, 0, False), (5, 5, 0, True), (4, 4, 1, False)],
)
def test_a_run_is_settled_when_everything_is_stored_and_counted(
    stored: int, counted: int, missing: int, settled: bool
) -> None:
    found = {"calls": {"stored": stored, "counted": counted}, "producers": [{"missing": 0}, {"missing": missing}]}
    assert is_settled(found, 4) is settled
