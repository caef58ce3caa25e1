"""What a period will have cost at its end: a forecast from daily spend, with a band around it.

The method depends on how much history there is; docs/finance-simulation.md tells how exact each of them is.

* Less than 4 weeks: the mean of the last 7 days.
* Less than 8 weeks, or spend on fewer than 95 % of the days: seasonal naive, which repeats the last 7 days.
* Otherwise: the dynamic optimised theta model (J. A. Fiorucci et al., International Journal of Forecasting 32, 2016) of
  the logarithm of the spend, with a weekly pattern and without outliers. It is transformed back with the smearing
  estimate (N. Duan, 1983), because the exponential of a mean is less than the mean day, which a sum needs.

Days before the first spend are no history. The band is conformal (V. Vovk et al., 2005): its ends are quantiles of what
earlier forecasts were wrong by, pooled over many series, because the bands that such models give are not calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Method = Literal["mean of 7 days", "seasonal naive", "theta"]
Days = NDArray[np.float64]

LEAST_RATIOS: Final = 20
"""With fewer ratios than this the band is the wide one."""
WIDE: Final = 2.0
"""Without enough ratios the remainder is said to be between its forecast divided by this and multiplied by this."""

_WEEK: Final = 7
_HALF_WEEK: Final = 3
_NAIVE_DAYS: Final = 28
_THETA_DAYS: Final = 56
_MOST_IDLE: Final = 0.05
_LEAST_SHARE: Final = 0.01
"""A day counts as at least this share of the mean day, so that idle days have a logarithm."""
_MOST_APART: Final = math.log(2)
"""A day counts as at most twice, and at least half, the median of the 7 days around it."""
_MOST_GROWTH: Final = 3.0
"""No day is forecast to cost more than this many times the dearest so far: a steep start does not go on for weeks."""
_SMOOTHINGS: Final = np.linspace(0.02, 0.98, 97)
_FIRST_ERROR: Final = 2
"""The first two days make the first line; errors count from the third on."""
_WARM_UP: Final = 14
_Z_90: Final = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is still to be spent, in the unit of the history, and by which method that was forecast."""

    expected: float
    method: Method


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a period will have cost at its end: `low` ≤ `expected` ≤ `high`, in the unit of the history."""

    expected: float
    low: float
    high: float
    method: Method


def period_end(
    spent_so_far: float, history: Sequence[float], remaining_days: int, ratios: Sequence[float], coverage: float = 0.8
) -> Forecast:
    """The forecast of a period's whole cost and the band that holds it with the probability `coverage`.

    `spent_so_far` is what the period's complete days cost. The other arguments are those of `remainder` and `interval`,
    which also say what raises ValueError.
    """
    if not (math.isfinite(spent_so_far) and spent_so_far >= 0):
        raise ValueError(f"spent_so_far is {spent_so_far}: give an amount that is finite and not negative")
    rest = remainder(history, remaining_days)
    low, high = interval(rest.expected, ratios, coverage)
    return Forecast(spent_so_far + rest.expected, spent_so_far + low, spent_so_far + high, rest.method)


def remainder(history: Sequence[float], remaining_days: int) -> Remainder:
    """What the next `remaining_days` will cost together, today included.

    `history` has one amount per day, the oldest first, without gaps and without today. Scaling it scales the answer.
    Raises ValueError for an empty history, an amount that is negative or not finite, and negative `remaining_days`.
    """
    spend = np.asarray(history, np.float64)
    if not len(spend):
        raise ValueError("the history is empty: give the spend of at least one complete day")
    if not (np.isfinite(spend).all() and (spend >= 0).all()):
        raise ValueError("the history has an amount that is negative or not finite: leave credits and unknown days out")
    if remaining_days < 0:
        raise ValueError(f"remaining_days is {remaining_days}: give the number of days from today to the period's end")
    largest = float(spend.max())
    if largest == 0:
        return Remainder(0.0, "mean of 7 days")
    shares, method = _next_days(np.trim_zeros(spend, "f") / largest, remaining_days)
    return Remainder(float(shares.sum()) * largest, method)


def interval(expected: float, ratios: Sequence[float], coverage: float = 0.8) -> tuple[float, float]:
    """The band around the forecast `expected` of a remainder that holds the remainder with the probability `coverage`.

    `ratios` are the `log_ratios` of earlier periods of all series with as many remaining days. The probability is right
    on average over series that err alike. The band always contains `expected`. With fewer than `LEAST_RATIOS` ratios,
    or too few for so high a coverage, it goes from the forecast divided by `WIDE` to `WIDE` times the forecast. Raises
    ValueError for a coverage that is not between 0 and 1.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage is {coverage}: give a probability between 0 and 1, such as 0.8")
    outside = math.floor((len(ratios) + 1) * (1 - coverage) / 2)
    if len(ratios) < LEAST_RATIOS or outside < 1:
        return expected / WIDE, expected * WIDE
    ordered = sorted(ratios)
    return expected * math.exp(min(0.0, ordered[outside - 1])), expected * math.exp(max(0.0, ordered[-outside]))


def log_ratios(history: Sequence[float], remaining_days: int, period_ends: Sequence[int]) -> list[float]:
    """log(actual ÷ forecast) of the last `remaining_days` of earlier periods, each forecast from the days before them.

    `period_ends` says how many days of `history` came before the end of each earlier period. There is no ratio for a
    period that is not over or has less than 4 weeks of history before its forecast, nor where the remainder or its
    forecast is 0. Raises ValueError as `remainder` does, and for `remaining_days` of 0.
    """
    if remaining_days < 1:
        raise ValueError(f"remaining_days is {remaining_days}: nothing is left to forecast, give at least 1")
    ratios = []
    for end in period_ends:
        start = end - remaining_days
        if start < _NAIVE_DAYS or end > len(history):
            continue
        expected = remainder(history[:start], remaining_days).expected
        actual = math.fsum(history[start:end])
        if expected > 0 and actual > 0:
            ratios.append(math.log(actual / expected))
    return ratios


def _next_days(spend: Days, days: int) -> tuple[Days, Method]:
    if len(spend) < _NAIVE_DAYS:
        return np.full(days, spend[-_WEEK:].mean()), "mean of 7 days"
    if len(spend) < _THETA_DAYS or (spend == 0).mean() > _MOST_IDLE:
        return np.resize(spend[-_WEEK:], days), "seasonal naive"
    return np.minimum(_theta(spend, days), _MOST_GROWTH * spend.max()), "theta"


def _theta(spend: Days, days: int) -> Days:
    logs = np.log(np.maximum(spend, _LEAST_SHARE * spend.mean()))
    pattern = np.resize(_weekly_pattern(logs), len(logs) + days)
    series = _without_outliers(logs - pattern[: len(logs)])
    model = _fit(series)
    # Only after the warm-up: the first line may be so steep that its exponential is no number.
    one_day_ahead = np.exp((series - model.errors + pattern[: len(logs)])[_WARM_UP:])
    smearing = spend[_WARM_UP:].sum() / one_day_ahead.sum()
    forecast: Days = smearing * np.exp(model.extrapolate(series, days) + pattern[len(logs) :])
    return forecast


def _weekly_pattern(logs: Days) -> Days:
    """By how much each day of a week differs from the week around it; zeros when the weekly autocorrelation is chance.

    Additive decomposition by medians, which single spikes and idle days do not move; the test is the usual one of the
    theta method, at 90 %.
    """
    centred = logs - logs.mean()
    variance = float(centred @ centred)
    if variance <= len(logs) * np.finfo(np.float64).eps:
        return np.zeros(_WEEK)
    correlations = np.array([centred[lag:] @ centred[:-lag] for lag in range(1, _WEEK + 1)]) / variance
    if abs(correlations[-1]) <= _Z_90 * math.sqrt((1 + 2 * float(correlations[:-1] @ correlations[:-1])) / len(logs)):
        return np.zeros(_WEEK)
    differences = logs[_HALF_WEEK:-_HALF_WEEK] - np.convolve(logs, np.full(_WEEK, 1 / _WEEK), "valid")
    pattern = np.roll([np.median(differences[weekday::_WEEK]) for weekday in range(_WEEK)], _HALF_WEEK)
    return np.asarray(pattern - pattern.mean())


def _without_outliers(series: Days) -> Days:
    around = sliding_window_view(np.pad(series, _HALF_WEEK, mode="reflect"), _WEEK)
    usual = np.median(around, axis=1)
    return np.clip(series, usual - _MOST_APART, usual + _MOST_APART)


@dataclass(frozen=True, slots=True)
class _Model:
    """A fitted theta model: `weight` is 1 - 1/theta, `level` the smoothed level after the last day."""

    smoothing: float
    weight: float
    level: float
    errors: Days

    def extrapolate(self, series: Days, days: int) -> Days:
        """The next days; each forecast is taken as seen before the next one is made, which moves level and line."""
        count, level = len(series), self.level
        intercepts, slopes = _lines(series)
        mean, intercept, slope = float(series.mean()), float(intercepts[-1]), float(slopes[-1])
        kept = 1 - self.smoothing
        forecast = np.empty(days)
        for day in range(days):
            line = kept**count * intercept + (1 - kept ** (count + 1)) / self.smoothing * slope
            forecast[day] = seen = level + self.weight * line
            level += self.smoothing * (seen - level)
            count += 1
            slope = ((count - 2) * slope + 6 / count * (seen - mean)) / (count + 1)
            mean += (seen - mean) / count
            intercept = mean - (count + 1) / 2 * slope
        return forecast


def _fit(series: Days) -> _Model:
    """The model with the least sum of squared errors one day ahead.

    Given the smoothing, the errors are linear in the first level and in the weight, so both are solved for, the weight
    within 0 (theta is 1) and 1 (theta is infinite); the smoothing is the best of a grid.
    """
    levels, kept = _levels_from_zero(series), 1 - _SMOOTHINGS
    intercepts, slopes = _lines(series)
    decay = kept ** np.arange(len(series))[:, np.newaxis]
    line = np.zeros_like(decay)
    line[1:] = decay[1:] * intercepts[:-1, np.newaxis] + (1 - decay[1:] * kept) / _SMOOTHINGS * slopes[:-1, np.newaxis]
    gap = series[:, np.newaxis] - levels[:-1]

    counted = slice(_FIRST_ERROR, None)
    decay_squared, line_squared = (decay[counted] ** 2).sum(axis=0), (line[counted] ** 2).sum(axis=0)
    decay_line = (decay[counted] * line[counted]).sum(axis=0)
    decay_gap, line_gap = (decay[counted] * gap[counted]).sum(axis=0), (line[counted] * gap[counted]).sum(axis=0)
    determinant = decay_squared * line_squared - decay_line**2
    solvable = determinant > np.finfo(np.float64).eps * decay_squared * line_squared
    weight = np.zeros_like(kept)
    np.divide(decay_squared * line_gap - decay_line * decay_gap, determinant, out=weight, where=solvable)
    weight = weight.clip(0, 1)
    first_level = (decay_gap - weight * decay_line) / decay_squared
    errors = gap - first_level * decay - weight * line

    best = _first_of_the_least((errors[counted] ** 2).sum(axis=0))
    level = levels[-1, best] + decay[-1, best] * kept[best] * first_level[best]
    return _Model(float(_SMOOTHINGS[best]), float(weight[best]), float(level), errors[:, best])


def _levels_from_zero(series: Days) -> Days:
    """The exponentially smoothed levels before each day and after the last, by smoothing; the first level is 0."""
    levels = np.zeros((len(series) + 1, len(_SMOOTHINGS)))
    for day, value in enumerate(series):
        levels[day + 1] = levels[day] + _SMOOTHINGS * (value - levels[day])
    return levels


def _lines(series: Days) -> tuple[Days, Days]:
    """Intercept and slope of the least-squares line through the first 1, 2, 3, … days, counted from 1."""
    day = np.arange(1, len(series) + 1, dtype=np.float64)
    mean = np.cumsum(series) / day
    covariance = np.cumsum(day * series) - day * (day + 1) / 2 * mean
    slope = np.zeros_like(day)
    slope[1:] = covariance[1:] / (day * (day**2 - 1) / 12)[1:]
    return mean - (day + 1) / 2 * slope, slope


def _first_of_the_least(sums: Days) -> int:
    """The first position whose value is the least but for rounding: equally good fits must not be chosen by noise."""
    least = float(sums.min())
    return int(np.argmax(sums <= least * (1 + 1e-9) + np.finfo(np.float64).eps))
