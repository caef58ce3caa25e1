"""How much of each budget is used, how fast it burns and where that leads; thresholds go on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from analyzers.analyzer import Measurement, Window
from analyzers.budget.burn import LEAST_AMOUNT, Burn
from analyzers.budget.config import BudgetsConfig
from analyzers.budget.latch import latch
from analyzers.budget.spend import NO_CALLS, read_spending
from analyzers.budget.status import STATES, BudgetStatus, evaluate_all
from store.connection import Store

_LAST_INSTANT: Final = timedelta(microseconds=1)


class _Said(NamedTuple):
    value: float | None
    note: str = ""
    low: float | None = None
    high: float | None = None


class BudgetAnalyzer:
    """Per budget and period what it allows, what is spent, where that leads, and how fast it burns.

    Measured are budgets with calls in their period, and those whose filters fit no call that was ever seen. The value
    of `budget_state` is the place of the state in `STATES`, None when the budget is broken. Thresholds that are reached
    go to the table budget_thresholds.
    """

    name: Final = "budgets"

    def __init__(self, config: BudgetsConfig) -> None:
        self.every = timedelta(seconds=config.every_s)
        self._budgets = config.named()
        self._zone = config.zone()

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """The budgets as they stand at the last instant of the window; the samples are the period's attempts."""
        instant = window.end - _LAST_INSTANT
        spending = {name: read_spending(store, budget, instant, self._zone) for name, budget in self._budgets.items()}
        statuses = evaluate_all(self._budgets, spending, instant, self._zone)
        latch(store, statuses, instant)
        return [
            one
            for status in statuses
            if status.attempts or status.actual or status.never_seen not in ("", NO_CALLS)
            for one in _measure(status, window)
        ]


def _measure(status: BudgetStatus, window: Window) -> Iterator[Measurement]:
    labels = {"budget": status.name, "period": status.period.name}
    for metric, said in _figures(status):
        yield Measurement(
            metric=metric,
            labels=labels,
            window=window,
            value=said.value,
            low=said.low,
            high=said.high,
            samples=status.attempts,
            note=said.note,
        )


def _figures(status: BudgetStatus) -> Iterator[tuple[str, _Said]]:
    caveat = status.caveat
    is_known = status.is_known
    yield "budget_amount_usd", _Said(float(status.amount))
    yield "budget_actual_usd", _Said(float(status.actual) if is_known else None, caveat)
    yield "budget_used_share", _Said(status.used_share if is_known else None, caveat)
    yield (
        "budget_priced_share",
        _Said(status.priced_share, caveat or ("" if status.attempts else "there are no attempts")),
    )
    state = status.state
    yield (
        "budget_state",
        _Said(STATES.index(state) if state in STATES else None, f"{state}: {caveat}" if caveat else state),
    )
    found = status.forecast
    if found is None:
        yield "budget_forecast_usd", _Said(None, "there is no complete day with spend yet")
    else:
        yield "budget_forecast_usd", _Said(found.expected, f"{found.method}; an 80 % interval", found.low, found.high)
    for burn in status.burns:
        yield f"budget_burn_rate_{burn.rule.name}", _Said(burn.rate, _burning(burn))


def _burning(burn: Burn) -> str:
    rule = burn.rule
    if burn.fires and rule.where_it_leads:
        return (
            f"{rule.severity}: ${burn.spent:,.2f} in {rule.name}, faster than it may, and that leads above the amount"
        )
    if burn.fires:
        return f"{rule.severity}: ${burn.spent:,.2f} in {rule.name}, more than {rule.limit:g} times as fast as it may"
    return "" if burn.spent >= LEAST_AMOUNT else f"less than ${LEAST_AMOUNT} in the window"
