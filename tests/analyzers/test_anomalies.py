from __future__ import annotations

import math
import runpy
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from repository import ROOT

from analyzers.anomalies import (
    LEAST_HISTORY,
    LEAST_RATIO,
    Explanation,
    Usage,
    assess,
    assess_day,
    assess_week,
    explain,
)

simulation = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/finance_simulation.py"), run_name="simulation"))

amounts = st.floats(0, 1e6)
histories = st.lists(amounts, min_size=LEAST_HISTORY, max_size=100)
usages = st.builds(Usage, st.integers(0, 1000), st.integers(0, 10**6), st.floats(0, 1e4))
windows = st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), usages)
BY = ("team", "model")
WEEK = [100.0, 100, 100, 100, 100, 50, 40]


@settings(deadline=None)
@given(histories, amounts)
def test_every_answer_is_finite(history: list[float], spend: float):
    found = assess(history, spend)
    assert found is not None
    assert all(math.isfinite(number) for number in (found.score, found.actual, found.expected, found.ratio))
    assert found.expected > 0
    assert found.ratio == pytest.approx(found.actual / found.expected)


@settings(deadline=None)
@given(histories, amounts)
def test_an_anomaly_passes_the_threshold_the_ratio_and_the_floor(history: list[float], spend: float):
    found = assess(history, spend, floor=20)
    assert found is not None
    passes = found.score >= 1 and found.ratio >= LEAST_RATIO and found.actual - found.expected >= 20
    assert found.is_anomaly == passes


@settings(deadline=None)
@given(histories, amounts)
def test_cents_give_the_same_score_and_a_hundred_times_the_amounts(history: list[float], spend: float):
    cents_before = [100 * amount for amount in history]
    for rule in (assess_day, assess_week):
        dollars, cents = rule(history, spend, 5), rule(cents_before, 100 * spend, 500)
        assert dollars is not None
        assert cents is not None
        assert (cents.score, cents.ratio) == pytest.approx((dollars.score, dollars.ratio), rel=1e-6, abs=1e-9)
        assert (cents.actual, cents.expected) == pytest.approx((100 * dollars.actual, 100 * dollars.expected))


@settings(deadline=None)
@given(histories, amounts, amounts)
def test_more_spend_has_no_lower_score(history: list[float], one: float, other: float):
    for rule in (assess_day, assess_week):
        less, more = (rule(history, spend) for spend in sorted((one, other)))
        assert less is not None
        assert more is not None
        assert less.score <= more.score or less.score == pytest.approx(more.score)
        assert more.is_anomaly or not less.is_anomaly


@settings(deadline=None, max_examples=30)
@given(st.lists(amounts, max_size=30), st.integers(0, 2**32 - 1), amounts)
def test_what_was_more_than_91_days_ago_changes_nothing(old: list[float], seed: int, spend: float):
    history = simulation.daily_spend(np.random.default_rng(seed), 91).tolist()
    assert assess([*old, *history], spend) == assess(history, spend)


def test_with_less_than_seven_weeks_nothing_is_said():
    assert assess((WEEK * 7)[1:], 1e6) is None
    assert assess(WEEK * 7, 1e6) is not None


def test_a_monday_is_compared_with_mondays():
    found = assess(WEEK * 8, 200)
    assert found is not None
    assert (found.rule, found.is_anomaly) == ("day", True)
    assert (found.actual, found.expected, found.ratio) == (200, pytest.approx(100), pytest.approx(2))
    assert found.score == pytest.approx(math.log(2) / 0.02 / 3.2)


def test_the_level_follows_the_last_seven_days():
    doubled = [2 * amount for amount in WEEK]
    found = assess_day(WEEK * 9 + doubled, 200)
    assert found is not None
    assert (found.expected, found.is_anomaly) == (pytest.approx(200), False)


def test_a_step_is_found_by_its_week():
    found = assess(WEEK * 9 + [1.4 * amount for amount in WEEK[:6]], 1.4 * WEEK[6])
    assert found is not None
    assert (found.rule, found.is_anomaly) == ("week", True)
    assert (found.actual, found.expected) == (pytest.approx(1.4 * 590), pytest.approx(590))


def test_a_small_excess_over_regular_spend_is_no_anomaly():
    found = assess(WEEK * 9, 120)
    assert found is not None
    assert (found.score > 1, found.is_anomaly) == (True, False)


def test_amounts_below_the_floor_are_all_alike():
    found = assess([0.01, 0.02] * 40, 3.0, floor=5)
    assert found is not None
    assert (found.is_anomaly, found.score) == (False, 0)


def test_spend_where_there_was_none_is_compared_with_the_floor():
    found = assess([0.0] * 60, 50, floor=5)
    assert found is not None
    assert (found.is_anomaly, found.expected) == (True, pytest.approx(5))


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda: assess([1.0] * 60, -1), "credits"),
        (lambda: assess([math.inf], 1), "not finite"),
        (lambda: assess([1.0], 1, floor=0), "more than 0"),
        (lambda: explain(BY, {("a",): Usage(1, 1, 1.0)}, {}), "team, model"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_what_to_give(call, advice: str):
    with pytest.raises(ValueError, match=advice):
        call()


def test_in_a_small_simulation_spikes_and_steps_are_found_without_many_false_alarms():
    found = simulation.detection(simulation.spends(6, 10, eventful=False))["both"]
    assert found["spike × 2"] >= 0.65
    assert found["spike × 3"] >= 0.9
    assert found["step of 40 %, in 7 days"] >= 0.7
    assert found["false alarms"] <= 0.3


def effects(found: Explanation) -> tuple[float, ...]:
    return found.price, found.calls, found.length, found.mix


@given(windows, windows)
@settings(deadline=None)
def test_the_effects_add_up_to_the_change(before: dict, after: dict):
    found = explain(BY, before, after)
    costs = [sum(one.cost for one in window.values()) for window in (before, after)]
    tolerance = 1e-9 * (1 + sum(costs) + sum(abs(effect) for effect in effects(found)))
    assert found.change == pytest.approx(costs[1] - costs[0], abs=tolerance)
    assert found.price + found.volume + found.mix == pytest.approx(found.change, abs=tolerance)


@given(windows, windows)
@settings(deadline=None)
def test_a_window_and_itself_have_no_effects(before: dict, after: dict):
    tolerance = 1e-9 * (1 + sum(one.cost for one in after.values()))
    found = explain(BY, after, after)
    assert effects(found) == pytest.approx((0, 0, 0, 0), abs=tolerance)
    assert found.top is None


@given(windows, windows)
@settings(deadline=None)
def test_a_dimension_with_one_value_changes_nothing(before: dict, after: dict):
    more = explain(
        ("environment", *BY),
        {("production", *key): one for key, one in before.items()},
        {("production", *key): one for key, one in after.items()},
    )
    assert more == explain(BY, before, after)


@given(windows, windows, st.integers(2, 9))
@settings(deadline=None)
def test_proportional_growth_is_volume_by_the_number_of_calls(before: dict, after: dict, times: int):
    assume(all(one.calls and one.tokens for one in before.values()))
    grown = {key: Usage(times * one.calls, times * one.tokens, times * one.cost) for key, one in before.items()}
    cost = sum(one.cost for one in before.values())
    expected = (0, (times - 1) * cost, 0, 0)
    assert effects(explain(BY, before, grown)) == pytest.approx(expected, abs=1e-9 * (1 + times * cost))


BEFORE = {("search", "small"): Usage(10, 1000, 1.0), ("chat", "large"): Usage(10, 1000, 9.0)}


@pytest.mark.parametrize(
    ("group", "usage", "expected", "top"),
    [
        (("chat", "large"), Usage(10, 1000, 12.0), (3, 0, 0, 0), ("team", "chat", 3)),
        (("chat", "large"), Usage(20, 2000, 18.0), (0, 5, 0, 4), ("team", "chat", 9)),
        (("search", "small"), Usage(10, 3000, 3.0), (0, 0, 10, -8), ("team", "search", 2)),
        (("search", "large"), Usage(10, 1000, 9.0), (0, 5, 0, 4), ("team", "search", 9)),
        (("search", "images"), Usage(4, 0, 2.0), (0, 0, 0, 2), ("model", "images", 2)),
    ],
    ids=["price", "calls", "length", "a new group", "without tokens"],
)
def test_a_change_of_one_group(group: tuple, usage: Usage, expected: tuple, top: tuple):
    found = explain(BY, BEFORE, {**BEFORE, group: usage})
    assert effects(found) == pytest.approx(expected)
    assert found.top is not None
    assert (found.top.dimension, found.top.value, found.top.change) == (*top[:2], pytest.approx(top[2]))


def test_moving_to_a_dearer_model_is_mix():
    found = explain(BY, BEFORE, {("search", "large"): Usage(10, 1000, 9.0), ("chat", "large"): Usage(10, 1000, 9.0)})
    assert effects(found) == pytest.approx((0, 0, 0, 8))
    assert found.top is not None
    assert (found.top.dimension, found.top.value) == ("team", "search")


def test_everything_is_volume_where_nothing_was():
    found = explain(BY, {}, BEFORE)
    assert effects(found) == pytest.approx((0, 10, 0, 0))
    assert found.top is not None
    assert (found.top.dimension, found.top.value) == ("team", "chat")
