from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from server.demo.screen import News, teams_table

ALERT = {
    "alert": "RateLimitRatioHigh",
    "labels": {"provider": "openai"},
    "fired_at": "10:00",
    "resolved_at": None,
    "summary": "openai refuses 30 %",
}
FINDING = {"team": "support", "app": "chat", "kind": "prompt", "finding": "drift: other words"}
TEAM: dict[str, Any] = {
    "team": "support",
    "operations": 9,
    "attempts": 10,
    "cost": "0.123400000000",
    "priced": 9,
    "felt_p95_ms": 812.0,
    "rate_limited": 1,
    "errors": 0,
}


def told(news: News, *alerts: dict[str, Any], findings: tuple[dict[str, Any], ...] = ()) -> list[str]:
    return news.of({"alerts": list(alerts), "findings": list(findings)})


def drawn(team: dict[str, Any], width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(teams_table([team]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_an_alert_is_told_when_it_fires_and_when_it_resolves() -> None:
    news = News()
    assert told(news, ALERT) == ["ALERT    RateLimitRatioHigh: openai refuses 30 %"]
    assert told(news, ALERT) == []
    assert told(news, {**ALERT, "resolved_at": "10:05"}) == ["RESOLVED RateLimitRatioHigh: provider = openai"]


def test_an_alert_that_fires_again_is_told_again() -> None:
    news = News()
    told(news, ALERT)
    assert len(told(news, {**ALERT, "fired_at": "11:00"})) == 1


def test_a_finding_is_told_once() -> None:
    news = News()
    assert told(news, findings=(FINDING,)) == ["DRIFT    support/chat: other words"]
    assert told(news, findings=(FINDING,)) == []


def test_a_team_is_one_row_with_its_priced_share() -> None:
    assert drawn(TEAM, 80).splitlines()[1].split() == [
        "support", "9", "$0.1234", "90.0%", "0.81", "s", "10.0%", "0.0%"
    ]  # fmt: skip


def test_an_unknown_cost_is_not_zero() -> None:
    assert "unknown" in drawn({**TEAM, "cost": None}, 80)


def test_the_table_fits_a_narrow_terminal() -> None:
    assert max(map(len, drawn(TEAM, 40).splitlines())) <= 40
