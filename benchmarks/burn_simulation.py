"""How often the tickets about a burn are for nothing, and how early they come when they are not.

The months of finance_simulation.py, spread over their hours: in 70 % of the series by office hours, with noise. Each
month is judged against budgets that are so many times what it cost in the end. Compared are the two slow burn rules,
that of three days also without its condition that the period is expected to exceed the amount, and the alert about the
forecast. Only the time before the amount is spent counts. Prints a Markdown table and, on the last line, one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from finance_simulation import COVERAGE, ENDS, MONTHS, TESTED, Days, pooled_ratios, spends
from numpy.typing import NDArray

from analyzers.budget.burn import RULES, Burn, burns, weekly_profile
from analyzers.budget.period import period_at
from analyzers.budget.spend import HISTORY, Span
from analyzers.budget.status import LIKELY
from analyzers.forecast import period_end

SERIES: Final = 60
EVERY_H: Final = 2
KEPT_H: Final = 24
"""For so long an alert stays after its rule has ended: what comes again within it is one ticket."""
BUDGETS: Final = (0.9, 0.95, 1.05, 1.1, 1.25, 1.5)
"""Of what the month costs in the end. A quarter more than needed is a budget that somebody has thought about."""
START: Final = datetime(MONTHS[0].year, MONTHS[0].month, 1, tzinfo=timezone.utc)
HOUR: Final = timedelta(hours=1)
LONGEST: Final = RULES[-1].long
TICKETS: Final = ("a day", "three days, alone", "three days", "forecast")


class Instant(NamedTuple):
    """What is known at an instant of a month: burn rates against what the month costs in the end, and the forecasts."""

    hour: int
    spent: float
    day: Burn
    long: Burn
    expected: float
    likely: float


class Judged(NamedTuple):
    """The tickets of one month, and how many days before the amount was spent, or the month over, the first one came."""

    tickets: int
    early_d: float


def by_hour(spend: Days, random: np.random.Generator) -> Days:
    """The days' spend over their hours."""
    shape = np.ones(24)
    if random.random() < 0.7:
        shape[:] = 0.15
        shape[8:19] = 1.0
    weights = shape * np.exp(random.normal(0, 0.3, (len(spend), 24)))
    hourly: Days = (spend[:, None] * weights / weights.sum(axis=1, keepdims=True)).ravel()
    return hourly


def instants(spend: Days, hourly: Days, month: int, ratios: dict[int, list[float]]) -> Iterator[Instant]:
    """The month at every second hour."""
    first, end = ENDS[month - 1], ENDS[month]
    total = spend[first:end].sum()
    spans = [Span(START + n * HOUR, Decimal(str(cost)), 1, 1) for n, cost in enumerate(hourly[: 24 * end])]
    for day in range(first, end):
        began = START + 24 * day * HOUR
        period = period_at("month", began, timezone.utc)
        profile = weekly_profile(spans[max(0, 24 * day - HISTORY // HOUR) : 24 * day], period, timezone.utc)
        asked = (spend[first:day].sum(), spend[:day], end - day, ratios[end - day])
        forecast, likely = period_end(*asked, COVERAGE), period_end(*asked, LIKELY)
        for hour in range(24 * day + EVERY_H, 24 * (day + 1) + 1, EVERY_H):
            recent, now = spans[hour - LONGEST // HOUR : hour], START + hour * HOUR
            found = burns(Decimal(str(total)), period, recent, profile, now, timezone.utc, leads_above=False)
            spent = hourly[24 * first : hour].sum()
            yield Instant(hour - 24 * first, spent, found[-2], found[-1], forecast.expected, likely.low)


def judged(found: list[Instant], amount: float, share: float) -> dict[str, Judged]:
    """What each ticket would have said of the month with a budget of `amount`, which is `share` of its cost."""
    open_until = next((one.hour for one in found if one.spent > amount), found[-1].hour)
    held: dict[str, list[int]] = defaultdict(list)
    for one in found:
        if one.spent > amount:
            break
        leads_above = one.expected > amount
        if fires(one.day, share, leads_above=leads_above):
            held["a day"].append(one.hour)
        if fires(one.long, share, leads_above=True):
            held["three days, alone"].append(one.hour)
        if fires(one.long, share, leads_above=leads_above):
            held["three days"].append(one.hour)
        if one.likely > amount:
            held["forecast"].append(one.hour)
    return {ticket: of_hours(held[ticket], open_until) for ticket in TICKETS}


def fires(burn: Burn, share: float, *, leads_above: bool) -> bool:
    """Whether the rule would hold of a budget that is `share` of what the month costs."""
    long_rate, short_rate = burn.long_rate / share, burn.short_rate / share
    return replace(burn, long_rate=long_rate, short_rate=short_rate, leads_above=leads_above).fires


def of_hours(hours: list[int], open_until: int) -> Judged:
    """The hours at which a rule held, as tickets."""
    if not hours:
        return Judged(0, float("nan"))
    return Judged(1 + int((np.diff(hours) > KEPT_H).sum()), (open_until - hours[0]) / 24)


def simulate(series: list[Days]) -> dict[float, dict[str, list[Judged]]]:
    """By share and ticket, every tested month of every series."""
    found: dict[float, dict[str, list[Judged]]] = {share: defaultdict(list) for share in BUDGETS}
    for month in TESTED:
        days = ENDS[month] - ENDS[month - 1]
        ratios = {left: pooled_ratios(series, month, left) for left in range(1, days + 1)}
        for number, spend in enumerate(series):
            hourly = by_hour(spend, np.random.default_rng([4, number]))
            seen = list(instants(spend, hourly, month, ratios))
            for share in BUDGETS:
                amount = share * spend[ENDS[month - 1] : ENDS[month]].sum()
                for ticket, one in judged(seen, amount, share).items():
                    found[share][ticket].append(one)
    return found


def cells(months: list[Judged]) -> dict[str, float]:
    """Of these months: the share with a ticket, the tickets of a month, and in the median how early the first came."""
    tickets: NDArray[np.float64] = np.array([one.tickets for one in months], float)
    early = [one.early_d for one in months if one.tickets]
    return {
        "share": float((tickets > 0).mean()),
        "tickets": float(tickets.mean()),
        "early_d": float(np.median(early)) if early else 0.0,
    }


def table(found: dict[float, dict[str, dict[str, float]]]) -> Iterator[str]:
    yield "| the budget, of what the month costs in the end | " + " | ".join(TICKETS) + " |"
    yield "|---|" + "---|" * len(TICKETS)
    for share, tickets in found.items():
        shown = [f"{100 * tickets[one]['share']:.0f} % ({tickets[one]['tickets']:.2f})" for one in TICKETS]
        yield f"| {100 * share:.0f} % | " + " | ".join(shown) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the series, for a look")
    series = spends(1, SERIES // 5 if parser.parse_args().quick else SERIES, eventful=True)
    found = {
        share: {ticket: cells(months) for ticket, months in tickets.items()}
        for share, tickets in simulate(series).items()
    }
    print("\n".join(table(found)) + "\n")
    shown = {
        str(share): {ticket: {name: round(value, 2) for name, value in one.items()} for ticket, one in tickets.items()}
        for share, tickets in found.items()
    }
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
