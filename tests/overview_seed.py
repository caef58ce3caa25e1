"""A small hour of calls whose totals a reader can add up: what the tests of the dashboards expect is written here."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tokentide.call import LLMCall, ProducerReport

from collector.rollup import RollUp
from store.connection import Store

EXPECTED: dict[str, Any] = {
    "spend": 2.0,
    "calls": 7,
    "attempts": 8,
    "error_ratio": 1 / 8,
    "rate_limited_ratio": 1 / 8,
    "unpriced_attempts": 1,
    "events_lost": 3,
}


def seed(store: Store, now: datetime) -> None:
    """Eight attempts of three teams within the hour before `now`, rolled up; two processes, three alerts, three findings.

    Two budgets, one of which is broken, and one spend anomaly of the day before yesterday.
    search: four calls at $0.25. growth: one call at $1.00 that was refused once with 429, and one that failed with 500.
    Nobody's: one call of a model without a price.
    """
    _insert(store, "ingest", [call.to_json() for call in _calls(now)])
    _insert(store, "ingest", [_calls(now)[0].to_json()])
    roll_up = RollUp(store)
    roll_up.touch(call.started_at.replace(second=0, microsecond=0) for call in _calls(now))
    while roll_up.rebuild():
        pass
    _insert(store, "producer_reports", [report.to_json() for report in _reports(now)])
    _insert_rows(
        store, "dead_letters", [{"dead_letter_id": 1, "received_at": now, "reason": "type", "producer_id": "web-1"}]
    )
    _insert_rows(store, "alert_state", _alerts(now))
    _insert_rows(store, "measurements", [*_measurements(now), *_money(now), *_budgets(now), *_spend(now)])


def _calls(now: datetime) -> list[LLMCall]:
    answered = LLMCall(
        call_id="",
        operation_id="",
        producer_id="web-1",
        started_at=now - timedelta(minutes=10),
        duration_ms=1000.0,
        operation_ms=1000.0,
        time_to_first_token_ms=200.0,
        team="search",
        app="assistant",
        provider="openai",
        operation="chat",
        model_responded="gpt-x",
        input_tokens=100,
        cache_read_tokens=40,
        cache_write_5m_tokens=10,
        output_tokens=30,
        reasoning_tokens=5,
        usage_source="provider",
        provider_reported_cost=Decimal("0.25"),
        status="ok",
        http_status=200,
    )
    other = replace(answered, team="growth", app="mailer", provider="anthropic", model_responded="claude-y")
    without_usage: dict[str, Any] = dict.fromkeys(
        ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "output_tokens", "reasoning_tokens"), None
    )
    failed = replace(
        other, usage_source="missing", provider_reported_cost=None, time_to_first_token_ms=None, **without_usage
    )
    calls = [
        *(replace(answered, started_at=now - timedelta(minutes=30)) for _ in range(2)),
        *(answered for _ in range(2)),
        replace(failed, status="rate_limited", http_status=429, is_final=False, operation_ms=None),
        replace(other, attempt=2, operation_ms=3000.0, provider_reported_cost=Decimal(1)),
        replace(failed, status="server_error", http_status=500),
        replace(answered, team="", app="", model_responded="new-model", provider_reported_cost=None),
    ]
    ids = [str(uuid.UUID(int=number)) for number in range(1, len(calls) + 1)]
    return [replace(call, call_id=ids[at], operation_id=ids[at], seq=at + 1) for at, call in enumerate(calls)]


def _reports(now: datetime) -> list[ProducerReport]:
    closed = ProducerReport(
        report_id="1", producer_id="web-1", reported_at=now - timedelta(minutes=1), emitted=12, closed=True, app="shop"
    )
    still_open = replace(closed, report_id="2", producer_id="web-2", emitted=5, closed=False)
    return [replace(closed, dropped={"overflow": 2}), still_open]


def _alerts(now: datetime) -> list[dict[str, Any]]:
    def alert(rule: str, state: str, minutes_ago: int, **more: Any) -> dict[str, Any]:
        at = now - timedelta(minutes=minutes_ago)
        labels = {"team": "growth"}
        return {
            "rule": rule,
            "fingerprint": rule,
            "labels": labels,
            "state": state,
            "active_at": at,
            "evaluated_at": now,
            **more,
        }

    return [
        alert("ErrorRatio", "pending", 2, annotations={"summary": "growth fails"}),
        alert("TeamSpend", "firing", 5, fired_at=now - timedelta(minutes=4)),
        alert("RateLimited", "resolved", 40, resolved_at=now - timedelta(minutes=20)),
        alert("Old", "resolved", 900, resolved_at=now - timedelta(hours=9)),
        alert("Quiet", "inactive", 900),
    ]


def _measurements(now: datetime) -> list[dict[str, Any]]:
    def measured(kind: str, metric: str, value: float | None, note: str, hours_ago: int = 0) -> dict[str, Any]:
        end = now - timedelta(minutes=1, hours=hours_ago)
        return {
            "analyzer": "drift",
            "metric": metric,
            "labels": {"team": "search", "app": "assistant", "kind": kind},
            "window_start": end - timedelta(hours=1),
            "window_end": end,
            "value": value,
            "low": None if value is None else value / 2,
            "high": None if value is None else value * 2,
            "samples": 120,
            "note": note,
            "computed_at": now,
        }

    return [
        measured("prompt", "novel_share", 0.03, "prompts are like the reference", hours_ago=1),
        measured("prompt", "novel_share", 0.3, "prompts are like the reference"),
        measured("prompt", "shift_sd", 4.5, "drift: the prompts moved by 4.5 standard deviations"),
        measured("response", "novel_share", None, "not enough data: 31 of 50 texts"),
    ]


def _money(now: datetime) -> list[dict[str, Any]]:
    amounts = {"retries_usd": 0.0, "abandoned_usd": 0.25, "cache_savings_usd": None, "app_cache_saved_usd": 0.125}
    window = {"window_start": now - timedelta(minutes=10), "window_end": now - timedelta(minutes=9)}
    return [
        {
            "analyzer": "money",
            "metric": metric,
            "labels": {"team": "search"},
            "value": value,
            "computed_at": now,
            **window,
        }
        for metric, value in amounts.items()
    ]


def _budgets(now: datetime) -> list[dict[str, Any]]:
    def measured(budget: str, metric: str, value: float | None, note: str = "", minutes_ago: int = 2) -> dict[str, Any]:
        end = now - timedelta(minutes=minutes_ago)
        return {
            "analyzer": "budgets",
            "metric": f"budget_{metric}",
            "labels": {"budget": budget, "period": "month of 2026-11-01"},
            "window_start": end - timedelta(minutes=5),
            "window_end": end,
            "value": value,
            "low": None if metric != "forecast_usd" else 4.0,
            "high": None if metric != "forecast_usd" else 8.0,
            "samples": 8,
            "note": note,
            "computed_at": now,
        }

    return [
        measured("all", "amount_usd", 5.0),
        measured("all", "actual_usd", 2.0),
        measured("all", "used_share", 0.4),
        measured("all", "priced_share", 0.875),
        measured("all", "state", 2, "will be exceeded: the cost of 1 of 8 attempts is unknown"),
        measured("all", "forecast_usd", 6.0, "mean of 7 days; an 80 % interval"),
        measured("all", "burn_rate_1h", 3.5),
        measured("all", "burn_rate_72h", 1.4),
        measured("all", "burn_rate_24h", 3.2, "ticket: $6.00 in 24h, more than 3 times as fast as it may"),
        measured("all", "used_share", 0.1, minutes_ago=7),
        measured("gone", "used_share", 0.1, minutes_ago=7),
        measured("serch", "amount_usd", 7.0),
        measured("serch", "used_share", None),
        measured("serch", "state", None, "broken: no such calls were ever seen: no team serch (did you mean search?)"),
    ]


def _spend(now: datetime) -> list[dict[str, Any]]:
    def measured(team: str, metric: str, value: float | None, note: str = "", days_ago: int = 2) -> dict[str, Any]:
        end = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago - 1)
        start = end - timedelta(days=1)
        return {
            "analyzer": "spend",
            "metric": f"spend_{metric}",
            "labels": {"team": team, "day": f"{start:%Y-%m-%d}"},
            "window_start": start,
            "window_end": end,
            "value": value,
            "samples": 50,
            "note": note,
            "computed_at": now,
        }

    found = "anomaly: search spent $300.00, 3.0 times the expected $100.00"
    return [
        measured("search", "usd", 300.0),
        measured("search", "priced_share", 0.98),
        measured("search", "expected_usd", 100.0),
        measured("search", "ratio", 3.0),
        measured("search", "score", 2.5, found),
        measured("search", "score", 2.5, found, days_ago=32),
        measured("growth", "score", 0.5, "growth spent $100.00, 1.0 times the expected $100.00"),
    ]


def _insert(store: Store, table: str, lines: list[bytes]) -> None:
    store.insert_json(table, b"\n".join(lines))


def _insert_rows(store: Store, table: str, rows: list[dict[str, Any]]) -> None:
    plain = [json.dumps(row, default=lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")).encode() for row in rows]
    _insert(store, table, plain)
