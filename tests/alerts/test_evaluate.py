"""The evaluator on a real store: what a restart, a failing query or a failing channel does to notifications."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_scenarios import Notebook, insert_calls
from conftest import NOW

from alerts.channels.channel import Cadence, RetryLater
from alerts.config import AlertsConfig
from alerts.evaluate import Evaluator, aligned, problems
from alerts.journal import read_states
from alerts.rule import Rule, load_rules
from store.connection import Store
from store.sql import Query, parse

MINUTE = timedelta(minutes=1)
CONFIG = AlertsConfig(interval_s=60, delay_s=0)
HISTORY = parse("history", "-- One row = a change.\nSELECT rule, from_state, to_state FROM alert_history ORDER BY at")


def ratio(**fields: object) -> Rule:
    """The shipped 429 rule, firing at once and looking at one minute."""
    rule = next(rule for rule in load_rules([], {}) if rule.alert == "RateLimitRatioHigh")
    return rule.model_copy(update={"for_": timedelta(0), "window": MINUTE, **fields})


def evaluator(store: Store, notebook: Notebook, *rules: Rule, config: AlertsConfig = CONFIG) -> Evaluator:
    return Evaluator(store, rules or [ratio()], [notebook], config)


def refuse(store: Store, minutes: range, refused: int = 50) -> None:
    for minute in minutes:
        insert_calls(
            store,
            "call_minutes",
            NOW + minute * MINUTE,
            NOW,
            provider="p",
            model="m",
            attempts=100,
            rate_limited=refused,
        )


def told(notebook: Notebook) -> list[tuple[str, str]]:
    return [(news.rule, news.status) for news in notebook.told]


def test_instants_are_multiples_of_the_interval_behind_the_clock() -> None:
    config = AlertsConfig(interval_s=30, delay_s=10)
    assert aligned(NOW + timedelta(seconds=39.9), config) == NOW
    assert aligned(NOW + timedelta(seconds=40), config) == NOW + timedelta(seconds=30)


def test_an_instant_is_evaluated_once(store: Store) -> None:
    refuse(store, range(-1, 1))
    alerts = evaluator(store, Notebook())
    assert [change.to_state for change in alerts.tick(NOW)] == ["firing"]
    assert alerts.tick(NOW + timedelta(seconds=59)) == []


def test_a_restart_at_any_point_neither_repeats_nor_forgets(store: Store) -> None:
    refuse(store, range(-1, 3))
    notebook = Notebook()
    for minute in range(8):
        evaluator(store, notebook).tick(NOW + minute * MINUTE)
    assert told(notebook) == [("RateLimitRatioHigh", "firing"), ("RateLimitRatioHigh", "resolved")]
    assert store.query(HISTORY).rows == [
        ("RateLimitRatioHigh", "inactive", "firing"),
        ("RateLimitRatioHigh", "firing", "resolved"),
    ]


def test_a_restart_keeps_the_waiting_time(store: Store) -> None:
    refuse(store, range(-1, 9))
    notebook = Notebook()
    for minute in range(4):
        assert told(notebook) == []
        evaluator(store, notebook, ratio(for_=3 * MINUTE)).tick(NOW + minute * MINUTE)
    assert told(notebook) == [("RateLimitRatioHigh", "firing")]


def test_an_end_during_an_outage_of_a_day_is_told_afterwards(store: Store) -> None:
    refuse(store, range(-1, 1))
    notebook = Notebook()
    evaluator(store, notebook).tick(NOW)
    evaluator(store, notebook).tick(NOW + timedelta(days=1))
    assert [status for _, status in told(notebook)] == ["firing", "resolved"]


def test_the_state_is_saved_before_anybody_is_told(store: Store) -> None:
    refuse(store, range(-1, 1))
    seen: list[str] = []

    class Crash(Notebook):
        def send(self, notifications: object, now: datetime) -> None:
            seen.extend(state.state for state in read_states(store).values())
            raise SystemExit

    with pytest.raises(SystemExit):
        evaluator(store, Crash()).tick(NOW)
    notebook = Notebook()
    evaluator(store, notebook).tick(NOW)
    assert seen == ["firing"]
    assert [news.cause for news in notebook.told] == ["first"]


def test_a_crash_between_state_and_history_leaves_no_gap_in_the_history(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = store.insert

    def insert_or_end(table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        if table == "alert_history" and rows:
            raise SystemExit
        insert(table, columns, rows)

    refuse(store, range(-1, 1))
    for minute in (0, 2):  # it fires, and it resolves
        with monkeypatch.context() as crash:
            crash.setattr(store, "insert", insert_or_end)
            with pytest.raises(SystemExit):
                evaluator(store, Notebook()).tick(NOW + minute * MINUTE)
        evaluator(store, Notebook()).tick(NOW + (minute + 1) * MINUTE)
    assert store.query(HISTORY).rows == [
        ("RateLimitRatioHigh", "inactive", "firing"),
        ("RateLimitRatioHigh", "firing", "resolved"),
    ]


def test_a_channel_that_was_away_hears_of_the_end_and_others_hear_nothing_twice(store: Store) -> None:
    refuse(store, range(-1, 2))
    away, present = Notebook("away"), Notebook("present")
    alerts = Evaluator(store, [ratio()], [away, present], CONFIG)
    alerts.tick(NOW)
    away.trouble = RetryLater("network", "unreachable")
    for minute in range(1, 13):
        alerts.tick(NOW + minute * MINUTE)
    away.trouble = None
    alerts.tick(NOW + 17 * MINUTE)
    assert [status for _, status in told(away)] == [status for _, status in told(present)] == ["firing", "resolved"]


def test_a_firing_alert_is_repeated_at_the_pace_of_the_channel(store: Store) -> None:
    refuse(store, range(-1, 10))
    notebook = Notebook()
    notebook.cadence = Cadence(firing=3 * MINUTE, resolved=None)
    alerts = evaluator(store, notebook)
    for minute in range(7):
        alerts.tick(NOW + minute * MINUTE)
    assert [news.cause for news in notebook.told] == ["first", "repeat", "repeat"]


BROKEN = Query("broken", "One row = nothing.", "SELECT value FROM no_such_table", {})


def test_a_failing_query_is_one_alert_about_the_rule_and_ends_with_it(store: Store) -> None:
    refuse(store, range(-1, 20))
    notebook = Notebook()
    rules = [ratio(), ratio(alert="Broken", query=BROKEN, labels={"severity": "critical"})]
    alerts = evaluator(store, notebook, *rules)
    for minute in range(9):
        alerts.tick(NOW + minute * MINUTE)
    assert told(notebook) == [("RateLimitRatioHigh", "firing"), ("RuleEvaluationFailing", "firing")]
    assert notebook.told[1].labels == {"alertname": "RuleEvaluationFailing", "rule": "Broken", "severity": "critical"}
    assert "no_such_table" in notebook.told[1].annotations["description"]
    repaired = evaluator(store, notebook, rules[0], ratio(alert="Broken"))
    repaired.tick(NOW + 9 * MINUTE)
    assert told(notebook)[2:] == [("Broken", "firing"), ("RuleEvaluationFailing", "resolved")]


def test_states_that_cannot_be_read_are_read_at_the_next_turn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(store, range(-1, 1))
    alerts = evaluator(store, Notebook())
    with monkeypatch.context() as patched:
        gone = Store(store.dsn, "no_such_database")
        patched.setattr(alerts, "_store", gone)
        assert alerts.tick(NOW) == []
        gone.close()
    assert [change.to_state for change in alerts.tick(NOW)] == ["firing"]


def test_a_single_failure_is_not_announced(store: Store) -> None:
    notebook = Notebook()
    evaluator(store, notebook, ratio(query=BROKEN)).tick(NOW)
    evaluator(store, notebook, ratio()).tick(NOW + MINUTE)
    assert told(notebook) == []


def test_a_failing_query_does_not_end_its_alerts_for_an_hour(store: Store) -> None:
    refuse(store, range(-1, 1))
    notebook = Notebook()
    evaluator(store, notebook).tick(NOW)
    alerts = evaluator(store, notebook, ratio(query=BROKEN))
    for minute in (1, 30, 60):
        alerts.tick(NOW + minute * MINUTE)
    assert ("RateLimitRatioHigh", "resolved") not in told(notebook)
    alerts.tick(NOW + 61 * MINUTE)
    assert told(notebook)[-1] == ("RateLimitRatioHigh", "resolved")


def test_an_alert_whose_rule_is_gone_ends(store: Store) -> None:
    refuse(store, range(-1, 9))
    notebook = Notebook()
    evaluator(store, notebook).tick(NOW)
    evaluator(store, notebook, ratio(alert="Renamed")).tick(NOW + MINUTE)
    assert told(notebook)[1:] == [("RateLimitRatioHigh", "resolved"), ("Renamed", "firing")]


def test_more_alerts_than_allowed_are_one_failure_of_the_rule(store: Store) -> None:
    for model in range(6):
        insert_calls(store, "call_minutes", NOW - MINUTE, NOW, model=f"m{model}", attempts=100, rate_limited=90)
    notebook = Notebook()
    alerts = evaluator(store, notebook, ratio(max_alerts=5, window=9 * MINUTE))
    for minute in range(4):
        alerts.tick(NOW + minute * MINUTE)
    assert told(notebook) == [("RuleEvaluationFailing", "firing")]
    assert "6 alerts at once are more than max_alerts = 5" in notebook.told[0].annotations["description"]


def test_alerts_are_told_although_they_cannot_be_saved_and_are_saved_later(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(store, range(-1, 9))
    notebook = Notebook()
    alerts = evaluator(store, notebook)
    alerts.tick(NOW - 5 * MINUTE)
    store.execute(Query("rename", "", "RENAME TABLE alert_state TO elsewhere", {}))
    with caplog.at_level(logging.ERROR):
        alerts.tick(NOW)
    assert "the state of 1 alerts is not saved yet" in caplog.text
    store.execute(Query("rename", "", "RENAME TABLE elsewhere TO alert_state", {}))
    alerts.tick(NOW + MINUTE)
    assert told(notebook) == [("RateLimitRatioHigh", "firing")]
    assert [state.state for state in read_states(store).values()] == ["firing"]
    assert store.query(HISTORY).rows == [("RateLimitRatioHigh", "inactive", "firing")]


def test_problems_of_rules_are_found_without_running_the_program(store: Store, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("alert: Own\nquery: own\nfire_above: 1\n")
    (tmp_path / "own.sql").write_text("-- One row = a test.\nSELECT {least:UInt8} AS value, 1 AS samples")
    assert problems(store, load_rules([], {}), CONFIG, NOW) == []
    assert problems(store, load_rules([tmp_path], {}), CONFIG, NOW) == ["Own: own.sql needs a value for least"]
