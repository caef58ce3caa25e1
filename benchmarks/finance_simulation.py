"""How exact the forecast of a month's spend is, how often its band holds, and which anomalies are found.

Synthetic daily spend with a trend, the shape of a week, steps, a monthly job and spikes, over nine calendar months, of
which the last three are tested. Forecasts are made after 5, 10 and 20 days of a month from the days before; the ratios
for the bands come from the earlier months of all series. Anomalies are put into series without steps and spikes of their
own; the thresholds are calibrated on others. Prints two Markdown tables and, on the last line, one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial

import numpy as np
from numpy.typing import NDArray

from analyzers.anomalies import DAY_THRESHOLD, LEAST_RATIO, WEEK_THRESHOLD, Assessment, assess_day, assess_week
from analyzers.forecast import log_ratios, period_end

SERIES = 150
MONTHS = [date(2026, month, 1) for month in range(2, 12)]
"""The first days of nine months and of the month after them."""
ENDS = [(first - MONTHS[0]).days for first in MONTHS[1:]]
TESTED = range(6, 9)
DAYS_GONE = (5, 10, 20)
COVERAGE = 0.8
POSITIONS = 6
FALSE_ALARMS = {"day": 0.15, "week": 0.03}
"""How many alarms per series and 30 days each rule may raise on the series for calibration, four times as many."""

Days = NDArray[np.float64]
RULES: dict[str, Callable[[Days, float], Assessment | None]] = {"day": assess_day, "week": assess_week}


def daily_spend(random: np.random.Generator, days: int, eventful: bool = True) -> Days:
    """The spend of one series; `eventful` ones have steps and spikes of their own."""
    day = np.arange(days)
    logs = np.log(random.uniform(20, 2000)) + random.normal(0.003, 0.005) * day
    week = random.normal(0, 0.05, 7)
    if random.random() < 0.7:
        week[5:] += np.log(random.uniform(0.25, 0.8, 2))
    logs += week[(MONTHS[0].weekday() + day) % 7]
    logs += random.normal(0, random.uniform(0.06, 0.2), days)
    if random.random() < 0.2:
        logs[monthly(int(random.integers(1, 29)), days)] += np.log(1 + random.uniform(0.2, 0.8))
    if eventful:
        logs += np.cumsum(np.where(random.random(days) < 1 / 120, random.normal(0, 0.35, days), 0))
        logs += np.where(random.random(days) < 0.003, np.log(random.uniform(1.5, 4, days)), 0)
    return np.exp(logs)


def monthly(day_of_month: int, days: int) -> list[bool]:
    return [(MONTHS[0] + timedelta(days=day)).day == day_of_month for day in range(days)]


def spends(name: int, count: int, eventful: bool) -> list[Days]:
    """Always the same `count` series for the same name."""
    return [daily_spend(np.random.default_rng([name, one]), ENDS[-1], eventful) for one in range(count)]


def months(gone: int) -> Iterator[tuple[int, int, int, int]]:
    """For every tested month: its number, its first day, today, and the day after its end."""
    for month in TESTED:
        yield month, ENDS[month - 1], ENDS[month - 1] + gone, ENDS[month]


def pooled_ratios(series: list[Days], month: int, remaining: int) -> list[float]:
    """What is known at the beginning of a month about the errors of earlier months, for all series."""
    return [ratio for spend in series for ratio in log_ratios(spend[: ENDS[month - 1]], remaining, ENDS[:month])]


def run_rate(history: Days, gone: int, days: int) -> float:
    return history[-gone:].mean() * days


def mean_of_7_days(history: Days, gone: int, days: int) -> float:
    return history[-7:].mean() * days


def seasonal_naive(history: Days, gone: int, days: int) -> float:
    return np.resize(history[-7:], days).sum()


BASELINES = {
    "run rate (so far ÷ days × days of the month)": run_rate,
    "mean of 7 days": mean_of_7_days,
    "seasonal naive": seasonal_naive,
}


def forecasts(series: list[Days], gone: int) -> dict[str, float]:
    """The errors of each method after `gone` days of a month, in percent of the month, and how good the bands are."""
    errors: dict[str, list[float]] = {name: [] for name in [*BASELINES, "theta"]}
    held, widths, seconds = [], [], 0.0
    for month, first, today, end in months(gone):
        ratios = pooled_ratios(series, month, end - today)
        for spend in series:
            actual, so_far = spend[first:end].sum(), spend[first:today].sum()
            for name, method in BASELINES.items():
                expected = so_far + method(spend[:today], gone, end - today)
                errors[name].append(abs(expected / actual - 1))
            began = time.perf_counter()
            forecast = period_end(so_far, spend[:today], end - today, ratios, COVERAGE)
            seconds += time.perf_counter() - began
            assert forecast.method == "theta"
            errors["theta"].append(abs(forecast.expected / actual - 1))
            held.append(forecast.low <= actual <= forecast.high)
            widths.append((forecast.high - forecast.low) / actual)
    found = {name: 100 * float(np.mean(of_one)) for name, of_one in errors.items()}
    per_forecast = 1000 * seconds / len(held)
    return {**found, "held": float(np.mean(held)), "width": 100 * float(np.mean(widths)), "ms": per_forecast}


def spike(spend: Days, day: int, times: float) -> Days:
    changed = spend[: day + 1].copy()
    changed[day] *= times
    return changed


def step(spend: Days, day: int) -> Days:
    changed = spend[: day + 7].copy()
    changed[day:] *= 1.4
    return changed


def leak(spend: Days, day: int) -> Days:
    changed = spend[: day + 14].copy()
    changed[day:] *= 1.03 ** np.arange(1, 15)
    return changed


CHANGES: dict[str, Callable[[Days, int], Days]] = {
    "spike × 1.5": partial(spike, times=1.5),
    "spike × 2": partial(spike, times=2),
    "spike × 3": partial(spike, times=3),
    "step of 40 %, in 7 days": step,
    "3 % more each day, in 14 days": leak,
}


def alarms(spend: Days, days: range) -> dict[str, int]:
    """On how many of the days each rule raised an alarm, and on how many any of them did."""
    count = Counter({**dict.fromkeys(RULES, 0), "both": 0})
    for day in days:
        found = [name for name, rule in RULES.items() if (one := rule(spend[:day], spend[day])) and one.is_anomaly]
        count.update([*found, *(["both"] if found else [])])
    return count


def detection(series: list[Days]) -> dict[str, dict[str, float]]:
    """By rule: the share of each kind of change that was found, and the false alarms per series and 30 days."""
    first, last = ENDS[TESTED[0] - 1], ENDS[-1]
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in ["false alarms", *CHANGES]}
    random = np.random.default_rng(29)
    for spend in series:
        counts["false alarms"].update(alarms(spend, range(first, last)))
        for day in random.integers(first, last - 14, POSITIONS):
            for kind, change in CHANGES.items():
                changed = change(spend, day)
                found = alarms(changed, range(day, len(changed)))
                counts[kind].update(name for name, count in found.items() if count)
    periods = len(series) * (last - first) / 30
    per = {"false alarms": periods, **dict.fromkeys(CHANGES, len(series) * POSITIONS)}
    return {name: {kind: counts[kind][name] / per[kind] for kind in counts} for name in [*RULES, "both"]}


def calibrated(series: list[Days]) -> dict[str, float]:
    """For each rule the threshold at which it raises as many false alarms on these series as it may."""
    days = range(ENDS[TESTED[0] - 1], ENDS[-1])
    found = {}
    for (name, rule), threshold in zip(RULES.items(), (DAY_THRESHOLD, WEEK_THRESHOLD), strict=True):
        assessed = [one for spend in series for day in days if (one := rule(spend[:day], spend[day]))]
        scores = sorted((one.score for one in assessed if one.ratio >= LEAST_RATIO), reverse=True)
        allowed = int(FALSE_ALARMS[name] * len(series) * len(days) / 30)
        found[name] = threshold * scores[min(allowed, len(scores) - 1)]
    return found


def forecast_table(found: dict[int, dict[str, float]]) -> Iterator[str]:
    yield "| error of the month's whole spend (MAPE) | " + " | ".join(f"day {gone}" for gone in DAYS_GONE) + " |"
    yield "|---|" + "---|" * len(DAYS_GONE)
    for name in [*BASELINES, "theta"]:
        yield f"| {name} | " + " | ".join(f"{found[gone][name]:.1f} %" for gone in DAYS_GONE) + " |"
    yield "| the 80 % band holds | " + " | ".join(f"{100 * found[gone]['held']:.0f} %" for gone in DAYS_GONE) + " |"
    yield "| its width, of the month | " + " | ".join(f"{found[gone]['width']:.0f} %" for gone in DAYS_GONE) + " |"


def detection_table(found: dict[str, dict[str, float]]) -> Iterator[str]:
    yield "| rule | " + " | ".join(CHANGES) + " | false alarms per series and 30 days |"
    yield "|---|" + "---|" * (len(CHANGES) + 1)
    for name, shares in found.items():
        cells = " | ".join(f"{100 * shares[kind]:.0f} %" for kind in CHANGES)
        yield f"| {name} | {cells} | {shares['false alarms']:.2f} |"


def summary(forecast: dict[int, dict[str, float]], both: dict[str, float]) -> dict[str, float]:
    return {
        **{f"mape_day_{gone}": round(forecast[gone]["theta"], 1) for gone in DAYS_GONE},
        **{f"coverage_80_day_{gone}": round(forecast[gone]["held"], 3) for gone in DAYS_GONE},
        "spike_x2": round(both["spike × 2"], 3),
        "spike_x3": round(both["spike × 3"], 3),
        "shift_40": round(both["step of 40 %, in 7 days"], 3),
        "false_alarms_per_30_days": round(both["false alarms"], 3),
        "forecast_ms": round(float(np.mean([one["ms"] for one in forecast.values()])), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the series, for a look")
    count = SERIES // 5 if parser.parse_args().quick else SERIES
    series = spends(1, count, eventful=True)
    forecast = {gone: forecasts(series, gone) for gone in DAYS_GONE}
    print("\n".join(forecast_table(forecast)) + "\n")
    found = detection(spends(2, count, eventful=False))
    print("\n".join(detection_table(found)) + "\n")
    thresholds = calibrated(spends(3, 4 * count, eventful=False))
    print(f"Thresholds by calibration: day {thresholds['day']:.2f}, week {thresholds['week']:.2f}\n")
    print(json.dumps(summary(forecast, found["both"])))


if __name__ == "__main__":
    main()
