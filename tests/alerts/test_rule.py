from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOW

from alerts.reading import readings
from alerts.rule import RuleError, RuleNumbers, load_rules
from store.connection import Result, Store
from store.sql import Query

RULE = 'alert: Slow\nquery: slow\nfire_above: 3\nannotations: {summary: "{team} is slow"}\n'
SQL = "-- One row = how slow a team is.\nSELECT 'search' AS team, 4.5 AS value, {least:UInt64} AS samples"


def write(folder: Path, rule: str = RULE, sql: str = SQL) -> Path:
    (folder / "slow.yaml").write_text(rule)
    (folder / "slow.sql").write_text(sql)
    return folder


def test_own_rules_join_the_shipped_ones(tmp_path: Path) -> None:
    names = [rule.alert for rule in load_rules([write(tmp_path, RULE + "parameters: {least: 9}\n")], {})]
    assert names == [*(rule.alert for rule in load_rules([], {})), "Slow"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("fire_abov: 3", r"slow\.yaml: unknown key fire_abov; did you mean fire_above\?"),
        ("fro: 2m", r"slow\.yaml: unknown key fro; did you mean for\?"),
        ("for: 2 minutes", r"slow\.yaml: for: '2 minutes' is not a duration: write for example 30s"),
        ("window: utc_week", r"slow\.yaml: window: 'utc_week' is neither utc_day nor a duration such as 5m"),
        ("query: slw", r"slow\.yaml: query: there is no slw\.sql beside the rule; did you mean slow\?"),
        ("clear_below: 4", r"slow\.yaml: clear_below \(4\) is above fire_above \(3\)"),
        ("max_alerts: 0", r"slow\.yaml: max_alerts: Input should be greater than or equal to 1"),
        ("parameters: {most: 1}", r"slow\.yaml: slow\.sql has no parameter most"),
        ("on_missing: fire", r"slow\.yaml: on_missing: Input should be 'ok' or 'keep'"),
        ("annotations: {summary: '{value.x}'}", r"slow\.yaml: annotations\.summary: \{value\.x\} is not a placeholder"),
        ("labels: {a-b: c}", r"slow\.yaml: labels\.a-b"),
        ("alert: slow rule", r"slow\.yaml: alert: String should match"),
        ("alert: ErrorRatioHigh", r"the alert ErrorRatioHigh is already defined in .*error_ratio_high\.yaml"),
        ("alert: [", r"slow\.yaml: not readable as YAML"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(change: str, message: str, tmp_path: Path) -> None:
    key = change.split(":")[0]
    kept = [line for line in RULE.splitlines() if not line.startswith(f"{key}:")]
    with pytest.raises(RuleError, match=message):
        load_rules([write(tmp_path, "\n".join([*kept, change]))], {})


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="there is no such folder"):
        load_rules([tmp_path / "none"], {})


def test_the_configuration_replaces_numbers_of_a_rule() -> None:
    numbers = RuleNumbers.model_validate({"for": "0s", "fire_above": 0.5, "clear_below": None})
    (rule,) = (one for one in load_rules([], {"RateLimitRatioHigh": numbers}) if one.alert == "RateLimitRatioHigh")
    assert (rule.for_, rule.fire_above, rule.clear_below) == (timedelta(0), 0.5, None)
    assert rule.min_samples == 20


def test_numbers_of_an_unknown_rule_are_refused() -> None:
    with pytest.raises(RuleError, match=r"alerts\.rules\.ErrorRateHigh: .*did you mean ErrorRatioHigh\?"):
        load_rules([], {"ErrorRateHigh": RuleNumbers()})


def test_numbers_that_contradict_the_rule_are_refused() -> None:
    with pytest.raises(RuleError, match=r"alerts\.rules\.ErrorRatioHigh: clear_below"):
        load_rules([], {"ErrorRatioHigh": RuleNumbers(fire_above=0.01)})


def test_windows_end_at_the_evaluation(tmp_path: Path) -> None:
    by_name = {rule.alert: rule for rule in load_rules([], {})}
    assert by_name["ErrorRatioHigh"].bounds(NOW) == (NOW - timedelta(minutes=5), NOW)
    assert by_name["TeamSpendOverDailyLimit"].bounds(NOW) == (NOW.replace(hour=0), NOW)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 'a' AS team, 1.5 AS worth, 1 AS samples", r"slow\.sql must return a number in the column value"),
        ("SELECT 'a' AS team, '1' AS value, 1 AS samples", r"slow\.sql must return a number in the column value"),
        ("SELECT 'a' AS team, 1 AS value", r"slow\.sql must return a number in the column samples"),
        (
            "SELECT 'a' AS app, 1 AS value, 1 AS samples",
            r"annotation summary: team is not among app, fire_above, samples",
        ),
        ("SELECT 'a' AS `te-am`, 1 AS value, 1 AS samples", r"'te-am' cannot be the name of a label"),
        ("SELECT 'a' AS team, number AS value, 1 AS samples FROM numbers(2)", r"several rows with the same labels"),
        ("SELECT toString(number) AS team, 9 AS value, 1 AS samples FROM numbers(101)", r"101 alerts at once"),
    ],
)
def test_a_query_that_breaks_its_contract_is_refused(sql: str, message: str, tmp_path: Path, store: Store) -> None:
    rule = load_rules([write(tmp_path, sql=f"-- One row = a test.\n{sql}")], {})[-1]
    with pytest.raises(RuleError, match=message):
        readings(store.query(rule.query), rule)


def test_rows_without_a_value_a_limit_or_enough_samples_are_no_readings(tmp_path: Path) -> None:
    rule = load_rules([write(tmp_path, RULE + "min_samples: 5\nparameters: {least: 1}\n")], {})[-1]
    rows = [("a", None, 9, 1.0), ("b", 2.0, 4, 1.0), ("c", 2.0, 5, None), ("d", 2.0, 5, 1.5)]
    kinds = ("LowCardinality(String)", "Nullable(Float64)", "UInt64", "Nullable(Float64)")
    found = readings(Result(("team", "value", "samples", "limit"), kinds, rows), rule)
    assert [(reading.labels["team"], reading.fire_above) for reading in found] == [("d", 1.5)]


def test_a_text_is_told_and_is_no_label(tmp_path: Path, store: Store) -> None:
    rule = RULE.replace("is slow", "is slow: {why}") + "texts: [why]\n"
    sql = "-- One row = a test.\nSELECT 'a' AS team, concat('because\\n', repeat('x', 300)) AS why, 4 AS value, 1 AS samples"
    slow = load_rules([write(tmp_path, rule, sql)], {})[-1]
    (read,) = readings(store.query(slow.query), slow)
    assert read.labels == {"team": "a", "alertname": "Slow"}
    assert read.annotations == {"summary": f"a is slow: because {'x' * 300}"}


@pytest.mark.parametrize("why", ["1", "toNullable('b')"])
def test_a_text_that_is_none_is_refused(why: str, tmp_path: Path, store: Store) -> None:
    sql = f"-- One row = a test.\nSELECT 'a' AS team, {why} AS why, 4 AS value, 1 AS samples"
    rule = load_rules([write(tmp_path, RULE + "texts: [why]\n", sql)], {})[-1]
    with pytest.raises(RuleError, match=r"slow\.sql must return a text in the column why"):
        readings(store.query(rule.query), rule)


def test_a_rule_without_threshold_needs_a_limit_column() -> None:
    spend = load_rules([], {})[-1]
    rule = spend.model_copy(update={"query": Query("spend", "", "", {})})
    result = Result(("team", "value", "samples"), ("String", "Float64", "UInt64"), [("a", 1.0, 1)])
    with pytest.raises(RuleError, match=r"spend\.sql must return a number in the column limit"):
        readings(result, rule)
