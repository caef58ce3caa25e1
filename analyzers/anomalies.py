"""Is the spend of a day out of the ordinary, and if so, what made it so? Two rules on the logarithm of daily spend.

* day: the day against the median of the same weekdays of up to 6 weeks, adjusted to the level of the last 7 days. It
  finds single days.
* week: the last 7 days against the median of the 3 weeks before them. It finds steps and slow growth.

Both measure in the spread (median absolute deviation) of their own last 42 deviations, pooled, because the spread of
six same weekdays is noise. A threshold for each rule turns that into a score that is 1 where alarms begin. They were
calibrated by the simulation of docs/finance-simulation.md to about one false alarm per series in half a year.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Rule = Literal["day", "week"]
Days = NDArray[np.float64]

LEAST_HISTORY: Final = 49
"""Days of history below which nothing is said; from 91 days on more of them change nothing."""
DAY_THRESHOLD: Final = 3.2
WEEK_THRESHOLD: Final = 3.0
LEAST_RATIO: Final = 1.25
"""Less than this is no anomaly, however regular the spend was before."""

_WEEK: Final = 7
_MOST_WEEKS: Final = 6
_WEEKS_BEFORE: Final = 3
_DEVIATIONS: Final = 42
_LEAST_DEVIATIONS: Final = 21
_TO_SIGMA: Final = 1.4826
"""The standard deviation of a normal distribution, in its median absolute deviations."""
_LEAST_SPREAD: Final = 0.02


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a day, or the week that ends with it, compares with what `rule` expected.

    `actual` and `expected` are amounts of that day or week, in the unit of the history; `ratio` is the first divided by
    the second. `score` is 1 at the rule's threshold and grows with the logarithm of the ratio; it is negative where
    less was spent than expected. `is_anomaly` is true for a score of at least 1, when the ratio is at least
    `LEAST_RATIO` and the excess at least the floor.
    """

    rule: Rule
    score: float
    actual: float
    expected: float
    ratio: float
    is_anomaly: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """What one group of calls used in one window; `cost` in US dollars."""

    calls: int
    tokens: int
    cost: float


Groups = Mapping[tuple[str, ...], Usage]
"""Usage by the values of the dimensions."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """By how much the cost of the calls with this `value` of a `dimension` changed, in US dollars."""

    dimension: str
    value: str
    change: float

    @property
    def named(self) -> str:
        """The calls as a sentence names them."""
        return f"{self.dimension} {self.value}" if self.value else f"calls without {self.dimension}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why cost changed, in US dollars: `change` = `price` + `volume` + `mix`, and `volume` = `calls` + `length`.

    `price`: other prices per token within the groups. `volume`: more or fewer tokens at the mean price of before, be it
    by the number of calls (`calls`) or by the tokens of each (`length`). `mix`: tokens moved to groups with another
    price. `top` is the value whose share of the change is furthest above its share of the cost of before; None when
    cost did not change or no dimension has two values.
    """

    change: float
    price: float
    calls: float
    length: float
    mix: float
    top: Contribution | None

    @property
    def volume(self) -> float:
        """The effect of the number of tokens, in US dollars."""
        return self.calls + self.length


def assess(history: Sequence[float], spend: float, floor: float = 5.0) -> Assessment | None:
    """The rule that finds `spend` more unusual, an anomaly before anything else; None below `LEAST_HISTORY` days.

    `history` has one amount per day, the oldest first, without gaps and without the day of `spend`. Amounts below
    `floor`, in the same unit, count as `floor`; it is also the least excess of an anomaly. Scaling all three scales the
    answer. Raises ValueError for amounts that are negative or not finite and for a floor that is not positive.
    """
    found = [one for one in (assess_day(history, spend, floor), assess_week(history, spend, floor)) if one]
    return max(found, key=lambda one: (one.is_anomaly, one.score), default=None)


def assess_day(history: Sequence[float], spend: float, floor: float = 5.0) -> Assessment | None:
    """The rule for single days alone; see `assess`."""
    amounts = _amounts(history, spend, floor)
    if len(history) < LEAST_HISTORY:
        return None
    weeks = min(_MOST_WEEKS, (len(history) - _WEEK - _LEAST_DEVIATIONS) // _WEEK)
    logs = np.log(np.maximum(amounts, floor))[-(_WEEK * (weeks + 1) + _DEVIATIONS + 1) :]
    differences = _from_median(logs, weeks)
    level = np.median(sliding_window_view(differences[:-1], _WEEK), axis=1)
    return _assessment("day", differences[_WEEK:] - level, float(amounts[-1]), floor)


def assess_week(history: Sequence[float], spend: float, floor: float = 5.0) -> Assessment | None:
    """The rule for the last 7 days alone; see `assess`."""
    amounts = _amounts(history, spend, floor)
    if len(history) < LEAST_HISTORY:
        return None
    weekly = np.convolve(amounts[-(_WEEK * (_WEEKS_BEFORE + 1) + _DEVIATIONS) :], np.ones(_WEEK), "valid")
    deviations = _from_median(np.log(np.maximum(weekly, floor)), _WEEKS_BEFORE)
    return _assessment("week", deviations, float(weekly[-1]), floor)


def explain(dimensions: Sequence[str], before: Groups, after: Groups) -> Explanation:
    """The change of cost from the window `before` to the window `after`, by effect, and the value that stands out.

    A key has one value for each of `dimensions`, in their order. The effects are those of price-volume-mix analysis:
    the volume at the mean price of before, the prices at the volume of after, so that they add up to the change. A
    group that is new has no price of before and changes none; the cost of a group without tokens is mix. Raises
    ValueError for a key of another length.
    """
    if any(len(key) != len(dimensions) for key in (*before, *after)):
        raise ValueError(f"every key must have one value for each of the dimensions {', '.join(dimensions)}")
    old, new = _with_tokens(before), _with_tokens(after)
    was, now = _total(old), _total(new)
    known = was if was.tokens else now
    token_price, length = _per(known.cost, known.tokens), _per(known.tokens, known.calls)
    at_old_prices = math.fsum(one.tokens * _token_price(old.get(key, one)) for key, one in new.items())
    without_tokens = (_total(after).cost - now.cost) - (_total(before).cost - was.cost)
    change = _total(after).cost - _total(before).cost
    calls = token_price * length * (now.calls - was.calls)
    return Explanation(
        change=change,
        price=now.cost - at_old_prices,
        calls=calls,
        length=token_price * (now.tokens - was.tokens) - calls,
        mix=at_old_prices - token_price * now.tokens + without_tokens,
        top=_top(dimensions, before, after, change),
    )


def _amounts(history: Sequence[float], spend: float, floor: float) -> Days:
    if not (math.isfinite(floor) and floor > 0):
        raise ValueError(f"the floor is {floor}: give the least amount that matters, more than 0")
    amounts = np.array([*history, spend], np.float64)
    if not (np.isfinite(amounts).all() and (amounts >= 0).all()):
        raise ValueError("an amount is negative or not finite: leave credits and unknown days out")
    return amounts


def _from_median(logs: Days, weeks: int) -> Days:
    """How far each value, from the first for which there are as many, is from the median of those 1 to `weeks` ago."""
    first = _WEEK * weeks
    earlier = [logs[first - lag : len(logs) - lag] for lag in range(_WEEK, first + 1, _WEEK)]
    return np.asarray(logs[first:] - np.median(earlier, axis=0))


def _assessment(rule: Rule, deviations: Days, actual: float, floor: float) -> Assessment:
    """The last of the deviations, which are logarithms, in the spread of those before it."""
    past = deviations[:-1]
    usual = np.median(past)
    spread = max(_TO_SIGMA * float(np.median(np.abs(past - usual))), _LEAST_SPREAD)
    excess = float(deviations[-1] - usual)
    score = excess / spread / (DAY_THRESHOLD if rule == "day" else WEEK_THRESHOLD)
    expected = max(actual, floor) * math.exp(-excess)
    ratio = actual / expected
    is_anomaly = score >= 1 and ratio >= LEAST_RATIO and actual - expected >= floor
    return Assessment(rule, score, actual, expected, ratio, is_anomaly)


def _with_tokens(groups: Groups) -> Groups:
    return {key: one for key, one in groups.items() if one.tokens}


def _total(groups: Groups) -> Usage:
    return Usage(
        calls=sum(one.calls for one in groups.values()),
        tokens=sum(one.tokens for one in groups.values()),
        cost=math.fsum(one.cost for one in groups.values()),
    )


def _token_price(usage: Usage) -> float:
    return usage.cost / usage.tokens


def _per(amount: float, count: float) -> float:
    return amount / count if count else 0.0


def _top(dimensions: Sequence[str], before: Groups, after: Groups, change: float) -> Contribution | None:
    """The value whose share of the change is furthest above its share of the cost of before.

    So the largest value does not win for being large. Among equals, but for rounding, the larger change wins, then the
    earlier dimension.
    """
    if not change:
        return None
    total = _total(before).cost
    found = []
    for position, dimension in enumerate(dimensions):
        costs_before, costs_after = _costs(before, position), _costs(after, position)
        values = sorted({*costs_before, *costs_after})
        for value in values if len(values) > 1 else []:
            cost = costs_before.get(value, 0.0)
            one = Contribution(dimension, value, costs_after.get(value, 0.0) - cost)
            share = one.change / change
            found.append((round(share - _per(cost, total), 9), round(share, 9), one))
    return max(found, key=lambda ranked: ranked[:2])[2] if found else None


def _costs(groups: Groups, position: int) -> dict[str, float]:
    """The cost by the value at one position of the key."""
    costs: dict[str, float] = defaultdict(float)
    for key, one in groups.items():
        costs[key[position]] += one.cost
    return costs
