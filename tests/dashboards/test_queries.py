from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import NOW
from overview_seed import EXPECTED

from dashboards.overview import OVERVIEW
from dashboards.page import answer
from dashboards.panel import QUERIES, RANGE_PARAMETERS, STATES, Panel
from dashboards.span import Span
from store.connection import Store
from store.sql import load, parse, sql_files

NUMBERS = ("Float64", "Float32", "UInt64", "Int64")


def ask(store: Store, query: str, hours: int = 1, teams: tuple[str, ...] = (), step: int = 60) -> list[dict[str, Any]]:
    span = Span(NOW - timedelta(hours=hours), NOW, step, teams)
    found = answer(store, load(QUERIES, query), span)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def totals(rows: list[dict[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        found[row["series"]] = found.get(row["series"], 0) + (row["value"] or 0)
    return found


@pytest.mark.parametrize("file", list(sql_files(QUERIES)), ids=lambda file: file.name)
def test_every_query_answers_on_an_empty_store_and_takes_only_known_parameters(nothing: Store, file: Any) -> None:
    query = parse(file.name, file.read_text("utf-8"))
    known = {**RANGE_PARAMETERS, **{variable.name: "Array(String)" for variable in OVERVIEW.variables}}
    assert query.parameters.items() <= known.items()
    answer(nothing, query, Span(NOW - timedelta(hours=1), NOW, 60, ()))


def test_every_query_belongs_to_a_panel_or_a_variable() -> None:
    used = {panel.query for panel in OVERVIEW.panels()} | {variable.query for variable in OVERVIEW.variables}
    assert {file.name.removesuffix(".sql") for file in sql_files(QUERIES)} == used


@pytest.mark.parametrize("panel", OVERVIEW.panels(), ids=lambda panel: panel.query)
def test_every_panel_keeps_the_result_contract(seeded: Store, panel: Panel) -> None:
    found = answer(seeded, panel.statement(), Span(NOW - timedelta(hours=1), NOW, 60, ()))
    types = dict(zip(found["columns"], found["types"], strict=True))
    assert found["rows"]
    if panel.kind == "table":
        assert list(types) == [column.name for column in panel.columns]
        return
    assert types["value"].removeprefix("Nullable(").removesuffix(")") in NUMBERS
    if panel.kind == "stat":
        assert len(found["rows"]) == 1
        assert types.get("note", "String") == "String"
    else:
        assert (list(types), types["time"], types["series"]) == (
            ["time", "series", "value"],
            "DateTime",
            "String",
        )


@pytest.mark.parametrize(("query", "value"), EXPECTED.items())
def test_a_stat_is_the_sum_that_a_reader_can_add_up(seeded: Store, query: str, value: float) -> None:
    assert ask(seeded, query)[0]["value"] == pytest.approx(value)


def test_the_notes_say_what_a_total_leaves_out(seeded: Store) -> None:
    notes = {query: ask(seeded, query)[0]["note"] for query in ("spend", "calls", "attempts", "events_lost")}
    assert notes == {
        "spend": "87.5 % of attempts priced",
        "calls": "1 failed for the app",
        "attempts": "1 retried",
        "events_lost": "5 still on their way or unknown",
    }


@pytest.mark.parametrize("panel", [panel for panel in OVERVIEW.panels() if "step" in panel.statement().parameters])
def test_hours_and_minutes_give_the_same_totals(seeded: Store, panel: Panel) -> None:
    by_minute, by_hour = (ask(seeded, panel.query, hours=6, step=step) for step in (60, 3600))
    if panel.kind in ("stat", "table"):
        assert by_minute == by_hour
    elif panel.unit in ("usd", "tokens"):
        assert totals(by_minute) == pytest.approx(totals(by_hour))
    else:
        assert {row["series"] for row in by_minute} == {row["series"] for row in by_hour}


def test_a_team_is_asked_for_alone_and_nobody_by_the_word_unattributed(seeded: Store) -> None:
    assert ask(seeded, "spend", teams=("search",))[0] == {"value": 1.0, "note": "100 % of attempts priced"}
    assert ask(seeded, "unpriced_attempts", teams=("unattributed",))[0]["value"] == 1
    assert ask(seeded, "calls", teams=("o'brien",))[0]["value"] == 0
    assert [row["team"] for row in ask(seeded, "teams")] == ["growth", "search", "unattributed"]


def test_an_unknown_cost_stays_unknown_and_is_never_zero(seeded: Store) -> None:
    nobody = {"team": "unattributed", "app": "unattributed", "model": "new-model"}
    assert ask(seeded, "top_spenders")[-1] == nobody | {"cost": None, "calls": 1, "cost_per_call": None, "priced": 0.0}
    assert ask(seeded, "spend", teams=("unattributed",))[0]["value"] is None
    assert {row["value"] for row in ask(seeded, "cost_by_team", teams=("unattributed",))} == {None}


def test_no_attempts_cost_nothing(nothing: Store) -> None:
    assert ask(nothing, "spend") == [{"value": 0.0, "note": "no attempts"}]


def test_top_spenders_are_the_dearest_first(seeded: Store) -> None:
    assert [
        (row["team"], row["cost"], row["calls"], row["cost_per_call"], row["priced"])
        for row in ask(seeded, "top_spenders")
    ] == [
        ("search", 1.0, 4, 0.25, 1.0),
        ("growth", 1.0, 2, 0.5, 1.0),
        ("unattributed", None, 1, None, 0.0),
    ]


def test_cost_by_team_adds_up_over_time(seeded: Store) -> None:
    rows = ask(seeded, "cost_by_team")
    assert totals(rows) == {"search": 1.0, "growth": 1.0, "unattributed": 0}
    assert [row["time"] for row in rows if row["series"] == "search"] == [
        "2026-11-20T11:30:00.000Z",
        "2026-11-20T11:50:00.000Z",
    ]


def test_ratios_are_shares_of_the_attempts_of_one_model(seeded: Store) -> None:
    for query in ("rate_limited_by_model", "errors_by_model"):
        assert totals(ask(seeded, query)) == pytest.approx(
            {"anthropic / claude-y": 1 / 3, "openai / gpt-x": 0, "openai / new-model": 0}
        )


def test_latency_is_what_the_app_felt(seeded: Store) -> None:
    assert {row["value"] for row in ask(seeded, "felt_latency", teams=("search",))} == {1000.0}
    assert ask(seeded, "felt_p95", teams=("search",))[0]["value"] == 1000.0
    assert totals(ask(seeded, "felt_latency", teams=("growth",)))["p99"] == 3000.0
    assert {row["value"] for row in ask(seeded, "first_token")} == {200.0}


def test_kinds_of_tokens_do_not_overlap(seeded: Store) -> None:
    billed = {"input": 50, "cache read": 40, "cache write": 10, "output": 25, "reasoning": 5}
    assert totals(ask(seeded, "tokens_by_kind")) == {kind: 6 * tokens for kind, tokens in billed.items()}


def test_the_most_urgent_alert_comes_first(seeded: Store) -> None:
    assert [(row["state"], row["rule"], row["summary"], row["since"]) for row in ask(seeded, "alerts")] == [
        ("firing", "TeamSpend", "team = growth", "2026-11-20T11:56:00.000Z"),
        ("pending", "ErrorRatio", "growth fails", "2026-11-20T11:58:00.000Z"),
        ("resolved", "RateLimited", "team = growth", "2026-11-20T11:40:00.000Z"),
    ]
    assert ask(seeded, "alerts", teams=("search",)) == []


def test_the_newest_finding_of_each_kind_of_text_is_shown(seeded: Store) -> None:
    assert [(row["kind"], row["state"], row["novel"], row["finding"]) for row in ask(seeded, "drift")] == [
        ("prompt", "drift", 0.3, "drift: the prompts moved by 4.5 standard deviations"),
        ("response", "not enough data", None, "not enough data: 31 of 50 texts"),
    ]


def test_the_ledger_accounts_for_every_event_that_was_emitted(seeded: Store) -> None:
    (row,) = ask(seeded, "loss_ledger")
    assert row == {
        "state": "incomplete",
        "app": "shop",
        "processes": 2,
        "emitted": 17,
        "stored": 8,
        "repeated": 1,
        "dropped": "overflow 2",
        "dead_letters": 1,
        "missing": 1,
        "unknown_tail": "5 in 1 process",
        "hook_errors": 0,
    }
    assert row["emitted"] == row["stored"] + 2 + row["dead_letters"] + row["missing"] + 5


def test_every_state_has_a_colour_or_none_on_purpose(seeded: Store) -> None:
    rows = [row for query in ("alerts", "drift", "loss_ledger", "budgets") for row in ask(seeded, query)]
    assert {row["state"] for row in rows} - STATES.keys() == {"not enough data"}


def test_every_budget_of_the_newest_evaluation_is_shown_the_worst_first(seeded: Store) -> None:
    broken, running = ask(seeded, "budgets")
    assert (broken["state"], broken["budget"], broken["amount"], broken["actual"]) == ("broken", "serch", 7.0, None)
    assert broken["note"] == "no such calls were ever seen: no team serch (did you mean search?)"
    assert running == {
        "state": "will be exceeded",
        "budget": "all",
        "period": "month of 2026-11-01",
        "amount": 5.0,
        "actual": 2.0,
        "used": 0.4,
        "forecast": 6.0,
        "low": 4.0,
        "high": 8.0,
        "burn_1h": 3.5,
        "burn_24h": 3.2,
        "burn_72h": 1.4,
        "priced": 0.875,
        "note": "the cost of 1 of 8 attempts is unknown; ticket: $6.00 in 24h, more than 3 times as fast as it may",
    }


def test_the_spend_anomalies_of_thirty_days_are_shown_whatever_the_range(seeded: Store) -> None:
    assert ask(seeded, "spend_anomalies") == [
        {
            "day": "2026-11-18",
            "team": "search",
            "spent": 300.0,
            "expected": 100.0,
            "ratio": 3.0,
            "priced": 0.98,
            "finding": "search spent $300.00, 3.0 times the expected $100.00",
        }
    ]
    assert ask(seeded, "spend_anomalies", teams=("growth",)) == []


def test_top_movers_compare_with_as_long_a_time_before(store: Store) -> None:
    rows = [
        {"minute": "2026-11-20 11:00:00", "team": "a", "attempts": 2, "priced": 2, "cost": 3},
        {"minute": "2026-11-20 10:59:00", "team": "a", "attempts": 4, "priced": 2, "cost": 1},
        {"minute": "2026-11-20 10:00:00", "team": "b", "attempts": 1, "priced": 1, "cost": 7},
        {"minute": "2026-11-20 09:59:00", "team": "b", "attempts": 1, "priced": 1, "cost": 99},
        {"minute": "2026-11-20 11:30:00", "team": "c", "attempts": 1, "priced": 0, "cost": None},
    ]
    store.insert_json("call_minutes", "\n".join(map(json.dumps, rows)).encode())
    names = ("team", "cost", "previous", "change", "priced", "previously_priced")
    assert [tuple(row[name] for name in names) for row in ask(store, "top_movers")] == [
        ("b", 0, 7, -7, None, 1),
        ("a", 3, 1, 2, 1, 0.5),
        ("c", None, 0, None, 0, None),
    ]


def test_what_money_was_spent_for_is_told_with_its_coverage(store: Store) -> None:
    rows = [
        {"minute": "2026-11-20 11:30:00", "team": "search", "attempts": 4, "priced": 3, "cost": 6},
        {"minute": "2026-11-20 11:30:00", "team": "", "attempts": 1, "priced": 0, "cost": None},
    ]
    store.insert_json("call_minutes", "\n".join(map(json.dumps, rows)).encode())
    measure_money(store, 30, retries_usd=1.5, abandoned_usd=0, cache_savings_usd=None)
    measure_money(store, 31, retries_usd=0.5, abandoned_usd=0, cache_savings_usd=0.25)
    measure_money(store, 61, retries_usd=64)
    money = ("cost", "per_call", "retries", "abandoned", "cache_savings", "app_cache_saved", "priced")
    assert [(row["team"], *(row[name] for name in money)) for row in ask(store, "money_views")] == [
        ("search", 6, 2, 2, 0, 0.25, None, 0.75),
        ("unattributed", None, None, None, None, None, None, 0),
    ]


def measure_money(store: Store, minutes_ago: int, **amounts: float | None) -> None:
    end = NOW - timedelta(minutes=minutes_ago - 1)
    window = {
        "window_start": f"{end - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}",
        "window_end": f"{end:%Y-%m-%d %H:%M:%S}",
    }
    lines = [
        {"analyzer": "money", "metric": metric, "labels": {"team": "search"}, "value": value, **window}
        for metric, value in amounts.items()
    ]
    store.insert_json("measurements", "\n".join(map(json.dumps, lines)).encode())


def test_the_first_minute_counts_whole_and_the_end_is_not_in_the_range(seeded: Store) -> None:
    def calls(start: datetime, end: datetime) -> int:
        return answer(seeded, load(QUERIES, "calls"), Span(start, end, 60, ()))["rows"][0][0]

    minute = NOW - timedelta(minutes=30)
    assert calls(minute + timedelta(seconds=59), minute + timedelta(minutes=1)) == 2
    assert calls(minute - timedelta(minutes=5), minute) == 0


def test_more_than_nine_teams_are_summed_up_as_other_teams(store: Store) -> None:
    rows = [f'{{"minute":"2026-11-20 11:00:00","team":"t{n:02}","attempts":1,"cost":{n}}}' for n in range(12)]
    store.insert_json("call_minutes", "\n".join(rows).encode())
    found = totals(ask(store, "cost_by_team"))
    assert found == {**{f"t{n:02}": n for n in range(3, 12)}, "other teams": 3}
