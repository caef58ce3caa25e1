from __future__ import annotations

import math
import runpy
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import ROOT
from scipy.optimize import minimize

from analyzers.forecast import LEAST_RATIOS, interval, log_ratios, period_end, remainder

simulation = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/finance_simulation.py"), run_name="simulation"))

amounts = st.one_of(st.just(0.0), st.floats(0.01, 1e6))
histories = st.lists(amounts, min_size=1, max_size=100)
ratios = st.lists(st.floats(-3, 3), max_size=60)
coverages = st.floats(0.05, 0.95)
remaining = st.integers(0, 31)
series = st.integers(0, 2**32 - 1).map(lambda seed: simulation.daily_spend(np.random.default_rng(seed), 100))


def without_weeks(days: int, seed: int) -> np.ndarray:
    """Spend with a trend and a level that wanders."""
    random = np.random.default_rng(seed)
    return np.exp(0.004 * np.arange(days) + np.cumsum(random.normal(0, 0.03, days)) + random.normal(0, 0.1, days))


@settings(deadline=None)
@given(histories, remaining)
def test_a_remainder_is_finite_and_not_negative(history: list[float], days: int):
    assert 0 <= remainder(history, days).expected < math.inf


@settings(deadline=None, max_examples=50)
@given(series, st.integers(1, 100), remaining)
def test_cents_give_a_hundred_times_what_dollars_give(spend: np.ndarray, days_known: int, days: int):
    dollars, cents = (remainder(history, days) for history in (spend[:days_known], 100 * spend[:days_known]))
    assert cents.expected == pytest.approx(100 * dollars.expected)
    assert cents.method == dollars.method


@given(histories, remaining, remaining)
@settings(deadline=None)
def test_more_days_do_not_cost_less(history: list[float], days: int, more: int):
    sooner, later = remainder(history, days).expected, remainder(history, days + more).expected
    assert later >= sooner or later == pytest.approx(sooner)


@settings(deadline=None)
@given(st.floats(0, 1e6), histories, remaining, ratios, coverages)
def test_the_band_holds_the_forecast_and_begins_with_what_is_spent(
    spent: float, history: list[float], days: int, errors: list[float], coverage: float
):
    forecast = period_end(spent, history, days, errors, coverage)
    assert spent <= forecast.low <= forecast.expected <= forecast.high < math.inf


@settings(deadline=None)
@given(st.floats(0, 1e6), st.lists(st.floats(-3, 3), min_size=40), coverages, coverages)
def test_a_higher_coverage_has_no_narrower_band(expected: float, errors: list[float], one: float, other: float):
    (low, high), (lower, higher) = (interval(expected, errors, coverage) for coverage in sorted((one, other)))
    assert lower <= low <= high <= higher


@given(st.floats(0.01, 1e9), st.integers(1, 120), st.integers(1, 31))
@settings(deadline=None)
def test_what_is_always_the_same_goes_on(amount: float, days_known: int, days: int):
    assert remainder([amount] * days_known, days).expected == pytest.approx(days * amount)


@given(st.integers(1, 60), histories, remaining)
@settings(deadline=None)
def test_days_before_the_first_spend_are_no_history(days_before: int, history: list[float], days: int):
    assert remainder([0.0] * days_before + history, days) == remainder(history, days)


def test_below_four_weeks_it_is_the_mean_of_the_last_seven_days():
    forecast = remainder([50, 1, 2, 3, 4, 5, 6, 7], 3)
    assert (forecast.expected, forecast.method) == (pytest.approx(12), "mean of 7 days")
    assert remainder([2, 4], 10).expected == pytest.approx(30)


def test_from_four_weeks_on_the_last_week_comes_again():
    forecast = remainder([9.0] * 21 + [1, 2, 3, 4, 5, 6, 7], 9)
    assert (forecast.expected, forecast.method) == (pytest.approx(28 + 1 + 2), "seasonal naive")


def test_from_eight_weeks_on_a_regular_week_goes_on():
    week = [10.0, 11, 12, 11, 10, 4, 3]
    forecast = remainder(week * 8, 10)
    assert (forecast.expected, forecast.method) == (pytest.approx(61 + 33), "theta")


def test_steady_growth_goes_on():
    spend = 1.01 ** np.arange(110)
    assert remainder(spend[:100], 10).expected == pytest.approx(spend[100:].sum(), rel=1e-3)


def test_a_steep_start_does_not_go_on_for_weeks():
    assert remainder(1.5 ** np.arange(60), 30).expected <= 30 * 3 * 1.5**59


def test_spend_on_some_days_only_is_forecast_without_logarithms():
    assert remainder([0.0, 0, 0, 7, 0, 0, 0] * 20, 14).method == "seasonal naive"


@pytest.mark.parametrize("amount", [5e-324, 1e-9, 1e15, 1e300])
def test_very_small_and_very_large_amounts_have_a_forecast(amount: float):
    assert remainder([amount] * 60, 5).expected == pytest.approx(5 * amount)


@pytest.mark.parametrize("days", [8, 12])
def test_a_sawtooth_overflows_nothing(days: int):
    spend = [1.0 + 50 * (day % days) for day in range(56)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecast = remainder(spend, 10)
    assert forecast.method == "theta"
    assert 0 < forecast.expected <= 10 * 3 * max(spend)


def test_nothing_spent_is_nothing_to_come():
    assert remainder([0.0] * 90, 20).expected == 0


@pytest.mark.parametrize("times", [0, 5])
def test_one_idle_day_or_one_spike_changes_little(times: float):
    spend = without_weeks(90, seed=4)
    changed = np.where(np.arange(90) == 40, times * spend, spend)
    assert remainder(changed, 20).expected == pytest.approx(remainder(spend, 20).expected, rel=0.1)


def theta_by_the_book(logs: np.ndarray, days: int) -> tuple[np.ndarray, np.ndarray]:
    """The recursions of the paper one by one, with parameters from a general optimiser: fitted days and next days."""

    def run(parameters: np.ndarray, ahead: int = 0) -> np.ndarray:
        level, smoothing, weight = parameters
        mean = slope = intercept = 0.0
        seen = []
        for count in range(1, len(logs) + ahead + 1):
            kept = 1 - smoothing
            line = kept ** (count - 1) * intercept + (1 - kept**count) / smoothing * slope
            seen.append(level + weight * line)
            value = logs[count - 1] if count <= len(logs) else seen[-1]
            slope = ((count - 2) * slope + 6 / count * (value - mean)) / (count + 1) if count > 1 else 0.0
            mean += (value - mean) / count
            intercept = mean - (count + 1) / 2 * slope
            level += smoothing * (value - level)
        return np.array(seen)

    def squared_errors(parameters: np.ndarray) -> float:
        return float(((run(parameters) - logs)[2:] ** 2).sum())

    bounds = [(None, None), (0.02, 0.98), (0, 1)]
    fits = [minimize(squared_errors, [logs[0], first, 0.5], bounds=bounds) for first in (0.1, 0.5, 0.9)]
    seen = run(min(fits, key=lambda fit: fit.fun).x, days)
    return seen[: len(logs)], seen[len(logs) :]


@pytest.mark.parametrize("seed", [18, 26, 34])
def test_theta_is_the_model_of_the_paper(seed: int):
    spend = without_weeks(80, seed)
    fitted, ahead = theta_by_the_book(np.log(spend), 20)
    smearing = spend[14:].sum() / np.exp(fitted[14:]).sum()
    assert remainder(spend, 20).expected == pytest.approx(smearing * np.exp(ahead).sum(), rel=1e-3)


def test_the_band_is_made_of_the_ratios_at_its_ends():
    errors = [math.log(1 + step / 100) for step in range(-10, 10)]
    assert interval(200, errors, 0.8) == pytest.approx((200 * 0.91, 200 * 1.08))


def test_ratios_on_one_side_still_give_a_band_that_holds_the_forecast():
    assert interval(100, [0.1] * 40, 0.8) == pytest.approx((100, 100 * math.exp(0.1)))


@pytest.mark.parametrize(("count", "coverage"), [(0, 0.8), (LEAST_RATIOS - 1, 0.8), (30, 0.95)])
def test_too_few_ratios_give_a_wide_band(count: int, coverage: float):
    assert interval(100, [0.0] * count, coverage) == (50, 200)


def test_ratios_compare_what_came_with_what_was_forecast():
    history = [10.0] * 56 + [20.0] * 4 + [10.0] * 30
    assert log_ratios(history, 4, [60, 90]) == pytest.approx([math.log(2), 0], abs=0.2)
    assert log_ratios(history[:60], 4, [60]) == pytest.approx([math.log(2)])


def test_there_is_no_ratio_without_history_or_spend():
    history = [10.0] * 40 + [0.0] * 20
    assert log_ratios(history, 10, [37, 50, 61]) == []
    assert log_ratios(history, 10, [38]) == pytest.approx([0])


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda: remainder([], 3), "at least one complete day"),
        (lambda: remainder([1, math.nan], 3), "unknown days"),
        (lambda: remainder([1, -2], 3), "credits"),
        (lambda: remainder([1], -1), "number of days"),
        (lambda: period_end(-1, [1], 3, []), "not negative"),
        (lambda: interval(1, [], 1.0), "between 0 and 1"),
        (lambda: log_ratios([1], 0, []), "at least 1"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_what_to_give(call, advice: str):
    with pytest.raises(ValueError, match=advice):
        call()


def test_in_a_small_simulation_theta_is_better_than_repeating_and_its_bands_hold():
    found = simulation.forecasts(simulation.spends(5, 20, eventful=True), 10)
    assert found["theta"] < 7
    assert found["theta"] < 0.9 * found["seasonal naive"]
    assert 0.7 <= found["held"] <= 0.92
