"""Spend anomalies over the real engine: what counts as history, what is found, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from analyzers.analyzer import Measurement, Window, write
from analyzers.budget.config import BudgetsConfig
from analyzers.config import AnalyzersConfig
from analyzers.schedule import Schedule
from analyzers.spend_anomalies import (
    ALL_TEAMS,
    Day,
    SpendAnalyzer,
    calendar_before,
    priced_share,
    since_first_call,
    with_total,
)
from store.connection import Store
from store.sql import parse

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0)
LAST = MIDNIGHT - DAY
WINDOW = Window(MIDNIGHT - HOUR, MIDNIGHT)
UTC = timezone.utc
EVERYTHING = parse("all", "-- all\nSELECT * EXCEPT computed_at FROM measurements FINAL ORDER BY ALL")

days = st.builds(Day, st.floats(0, 1e6), st.integers(0, 100), st.integers(0, 100))


def spend(store: Store, *rows: Mapping[str, Any], table: str = "call_hours") -> None:
    """Roll-ups, each with `at` and what differs from 10 priced attempts of team search that cost $10."""
    column = "hour" if table == "call_hours" else "minute"
    ordinary = {"team": "search", "app": "shop", "model": "gpt-5", "attempts": 10, "priced": 10, "cost": "10"}
    lines = [
        {**ordinary, **row, column: f"{row['at']:%Y-%m-%d %H:%M:%S}", "version": "2026-11-20 12:00:00"} for row in rows
    ]
    store.insert_json(table, "\n".join(json.dumps(line, default=str) for line in lines).encode())


def weeks(before: datetime = LAST, **more: Any) -> list[dict[str, Any]]:
    """Ten weeks of days before an instant, which cost between $96 and $104."""
    amounts = (100, 104, 98, 96, 102, 100, 99, 103, 97, 101, 100)
    return [{"at": before - n * DAY, "cost": amounts[n % 11], **more} for n in range(1, 71)]


def analyzed(store: Store, window: Window = WINDOW, zone: str = "UTC") -> dict[str, dict[str, Measurement]]:
    found = SpendAnalyzer(BudgetsConfig(time_zone=zone)).analyze(store, window, window.end)
    teams: dict[str, dict[str, Measurement]] = {}
    for one in found:
        teams.setdefault(one.labels["team"], {})[one.metric] = one
    return teams


def score(store: Store, team: str = "search", **more: Any) -> Measurement:
    return analyzed(store, **more)[team]["spend_score"]


def test_a_day_of_three_times_the_usual_is_an_anomaly_that_is_explained(store: Store) -> None:
    usual = {"input_tokens": 1000}
    spend(store, *weeks(**usual), {"at": LAST, "cost": 100, **usual})
    spend(
        store, {"at": LAST + HOUR, "cost": 200, "model": "gpt-5.2", "attempts": 40, "priced": 40, "input_tokens": 1000}
    )
    found = analyzed(store)["search"]
    assert found["spend_usd"].value == 300
    assert found["spend_expected_usd"].value == pytest.approx(100, rel=0.05)
    assert found["spend_ratio"].value == pytest.approx(3, rel=0.05)
    assert found["spend_score"].value is not None
    assert found["spend_score"].value > 1
    assert found["spend_score"].samples == 50
    assert found["spend_score"].window == Window(LAST, MIDNIGHT)
    assert found["spend_score"].labels == {"team": "search", "day": "2026-11-19"}
    said = found["spend_score"].note
    assert said.startswith("anomaly: search spent $300.00 on 2026-11-19, 3.1 times the expected $98.03; ")
    assert said.endswith(
        "; against the same day a week before price -$3.00, volume +$103.00, mix +$97.00, "
        "and what stands out is model gpt-5.2 with +$200.00"
    )


def test_an_ordinary_day_is_none(store: Store) -> None:
    spend(store, *weeks(), {"at": LAST, "cost": 101})
    found = score(store)
    assert found.value is not None
    assert found.value < 1
    assert found.note.startswith("search spent $101.00 on 2026-11-19, 1.0 times the expected $")


def test_a_week_of_a_little_more_each_day_is_an_anomaly_of_the_week(store: Store) -> None:
    spend(store, *weeks(before=LAST - 6 * DAY), *({"at": LAST - n * DAY, "cost": 135} for n in range(7)))
    said = score(store).note
    assert said.startswith("anomaly: search spent $945.00 in the 7 days to 2026-11-19, 1.3 times the expected $")
    assert "against the 7 days before price +$" in said


def test_less_than_five_dollars_more_is_no_anomaly(store: Store) -> None:
    spend(store, *weeks(cost="0.4"), {"at": LAST, "cost": "7"})
    assert not score(store).note.startswith("anomaly:")
    spend(store, {"at": LAST, "cost": "12"})
    assert score(store).note.startswith("anomaly:")


def test_days_without_calls_cost_nothing_and_days_before_the_first_call_are_no_history(store: Store) -> None:
    spend(store, *({"at": LAST - n * DAY} for n in range(48)))
    assert score(store).value is None
    assert score(store).note == "not enough data: 47 of 49 days before this one"
    spend(store, {"at": LAST - 49 * DAY})
    assert score(store).value is not None


def test_an_unknown_cost_is_never_nothing(store: Store) -> None:
    spend(store, *weeks(), {"at": LAST, "cost": None, "priced": 0, "unpriced": 10})
    found = analyzed(store)["search"]
    assert {name: one.value for name, one in found.items()} == {
        "spend_usd": None,
        "spend_priced_share": 0,
        "spend_expected_usd": None,
        "spend_ratio": None,
        "spend_score": None,
    }
    assert {one.note for one in found.values() if one.value is None} == {"the cost of none of 10 attempts is known"}


def test_a_credit_larger_than_the_spend_leaves_the_others_judged(store: Store) -> None:
    spend(store, *weeks(), {"at": LAST - DAY, "cost": -300}, {"at": LAST, "cost": 300})
    assert score(store).note.startswith("anomaly: search spent $300.00")


def test_a_charge_is_spend_that_is_no_call(store: Store) -> None:
    charge = {"team": "idle", "model": "", "operation": "charge", "attempts": 0, "priced": 0}
    spend(store, *weeks(**charge), {"at": LAST, "cost": 300, **charge})
    found = analyzed(store)["idle"]
    assert (found["spend_usd"].value, found["spend_priced_share"].value) == (300, 1)
    assert found["spend_score"].note.startswith("anomaly: idle spent $300.00 on 2026-11-19")
    assert "mix +$197.00" in found["spend_score"].note


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (10, 10, None),
        (8, 8, "the cost is known for 80.0% of the attempts"),
        (10, 8, "the cost is known for 80.0% of the attempts, before for 100.0%: more was spent than this"),
        (5, 10, "before for 50.0%: a part of the rise is knowledge, not spend"),
    ],
)
def test_the_sentence_says_when_the_priced_coverage_has_changed(
    store: Store, before: int, now: int, said: str | None
) -> None:
    spend(store, *weeks(priced=before), {"at": LAST, "cost": 300, "priced": now})
    note = score(store).note
    assert note.startswith("anomaly:")
    assert ("the cost is known" not in note) if said is None else note.endswith(said)


def test_all_teams_together_are_told_only_when_there_are_several(store: Store) -> None:
    spend(store, *weeks(), {"at": LAST, "cost": 100})
    assert analyzed(store).keys() == {"search"}
    spend(store, *weeks(team=""), {"at": LAST, "team": "", "cost": 700})
    found = analyzed(store)
    assert found.keys() == {"search", "unattributed", ALL_TEAMS}
    assert found[ALL_TEAMS]["spend_usd"].value == 800
    said = found[ALL_TEAMS]["spend_score"].note
    assert said.startswith("anomaly: all teams spent $800.00")
    assert said.endswith("what stands out is team unattributed with +$597.00")


def test_a_team_without_a_call_on_the_day_is_not_measured(store: Store) -> None:
    spend(store, *weeks(), {"at": LAST, "team": "other"})
    assert analyzed(store).keys() == {"other", ALL_TEAMS}


@pytest.mark.parametrize(
    ("zone", "first", "table", "step"),
    [
        ("Europe/Berlin", datetime(2026, 11, 18, 23, tzinfo=UTC), "call_hours", HOUR),
        ("America/New_York", datetime(2026, 11, 18, 5, tzinfo=UTC), "call_hours", HOUR),
        ("Asia/Kathmandu", datetime(2026, 11, 18, 18, 15, tzinfo=UTC), "call_minutes", timedelta(minutes=1)),
    ],
)
def test_days_are_those_of_the_budgets_time_zone(
    store: Store, zone: str, first: datetime, table: str, step: timedelta
) -> None:
    spend(store, {"at": first - step, "cost": 1}, {"at": first, "cost": 2}, table=table)
    spend(store, {"at": first + DAY - step, "cost": 4}, {"at": first + DAY, "cost": 8}, table=table)
    found = analyzed(store, Window(first + DAY, first + DAY + HOUR), zone)["search"]["spend_usd"]
    assert found.value == 6
    assert found.window == Window(first, first + DAY)
    assert found.labels["day"] == f"{first.astimezone(ZoneInfo(zone)).date()}"


def test_a_day_is_measured_again_in_its_place_until_the_next_one_is_over(store: Store) -> None:
    spend(store, *weeks(), {"at": LAST, "cost": 300})
    analyzer = SpendAnalyzer(BudgetsConfig())
    write(store, "spend", analyzer.analyze(store, WINDOW, NOW), NOW)
    once = store.query(EVERYTHING).rows
    later = Window(MIDNIGHT + 22 * HOUR, MIDNIGHT + 23 * HOUR)
    write(store, "spend", analyzer.analyze(store, later, later.end), later.end)
    assert store.query(EVERYTHING).rows == once
    spend(store, {"at": LAST + HOUR, "cost": 50})
    assert score(store, window=later).note.startswith("anomaly: search spent $350.00")
    assert analyzed(store, Window(MIDNIGHT + 23 * HOUR, MIDNIGHT + DAY)) == {}


def test_a_day_is_measured_as_soon_as_it_has_ended_in_the_time_zone(store: Store) -> None:
    spend(store, {"at": LAST + 12 * HOUR})
    schedule = Schedule(store, AnalyzersConfig(delay_s=15, enabled=["spend"]), BudgetsConfig(time_zone="Europe/Berlin"))
    (analyzer,) = schedule.analyzers
    ended = MIDNIGHT - HOUR
    assert schedule.advance(analyzer, ended + timedelta(seconds=14)) == []
    assert {one.labels["day"] for one in schedule.advance(analyzer, ended + timedelta(seconds=15))} == {"2026-11-19"}


def test_the_day_on_which_clocks_go_back_has_twenty_five_hours() -> None:
    calendar = calendar_before(datetime(2026, 10, 26, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert calendar.days[-1] == date(2026, 10, 25)
    assert calendar.last.end - calendar.last.start == 25 * HOUR
    assert calendar.until_last(1, 7)[1] - calendar.until_last(1, 7)[0] == DAY
    assert calendar.until_last(7) == (calendar.starts[-8], calendar.starts[-1])


@given(st.lists(days, max_size=20))
def test_history_begins_with_a_call_and_loses_none(given_days: list[Day]) -> None:
    found = since_first_call(given_days)
    assert not found or found[0].is_busy
    assert sum(day.attempts for day in found) == sum(day.attempts for day in given_days)


@given(st.dictionaries(st.sampled_from("abc"), st.lists(days, min_size=5, max_size=5), min_size=2))
def test_the_total_of_the_attempts_is_their_sum_on_each_day(teams: dict[str, list[Day]]) -> None:
    total = with_total(teams)[ALL_TEAMS]
    assert [day.attempts for day in total] == [
        sum(day.attempts for day in found) for found in zip(*teams.values(), strict=True)
    ]
    assert priced_share([]) == 1
