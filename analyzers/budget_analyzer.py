"""How much of each budget is used, how fast it burns and where that leads; thresholds go on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from analyzers.analyzer import Measurement, Window
from analyzers.budget_burn import LEAST_AMOUNT, Burn
from analyzers.budget_config import BudgetsConfig
from analyzers.budget_latch import latch
from analyzers.budget_spend import read_spending
from analyzers.budgets import BudgetStatus, evaluate_all
from store.connection import Store

_LAST_INSTANT: Final = timedelta(microseconds=1)


class BudgetAnalyzer:
    """Per budget `budget_used_share`, `budget_forecast_usd` and a `budget_burn_rate` for each rule's long window.

    Thresholds that are reached go to the table budget_thresholds, also those of budgets without a call in the window.
    """

    name: Final = "budgets"

    def __init__(self, config: BudgetsConfig) -> None:
        self.every = timedelta(seconds=config.every_s)
        self._budgets = config.named()
        self._zone = config.zone()

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """The budgets with calls in the window, as they stand at its last instant; the samples are the period's."""
        instant = window.end - _LAST_INSTANT
        spending = {name: read_spending(store, budget, instant, self._zone) for name, budget in self._budgets.items()}
        statuses = evaluate_all(self._budgets, spending, instant, self._zone)
        latch(store, statuses, instant)
        return [
            one
            for status in statuses
            if any(span.start >= window.start for span in spending[status.name].spans)
            for one in _measure(status, window)
        ]


def _measure(status: BudgetStatus, window: Window) -> Iterator[Measurement]:
    labels = {"budget": status.name}
    unpriced = status.attempts - status.priced
    note = f"the cost of {unpriced} of {status.attempts} attempts is unknown" if unpriced else ""

    def measurement(metric: str, value: float | None, note: str) -> Measurement:
        return Measurement(metric=metric, labels=labels, window=window, value=value, samples=status.attempts, note=note)

    yield measurement("budget_used_share", status.used_share if status.priced else None, note)
    yield _forecast(status, labels, window)
    for burn in status.burns:
        yield measurement(f"budget_burn_rate_{burn.rule.name}", burn.rate, _said(burn))


def _forecast(status: BudgetStatus, labels: dict[str, str], window: Window) -> Measurement:
    found = status.forecast
    return Measurement(
        metric="budget_forecast_usd",
        labels=labels,
        window=window,
        value=found.expected if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        samples=status.attempts,
        note=f"{found.method}; an 80 % interval" if found else "there is no complete day with spend yet",
    )


def _said(burn: Burn) -> str:
    if burn.fires:
        return f"{burn.rule.severity}: above {burn.rule.limit:g}"
    return "" if burn.spent >= LEAST_AMOUNT else f"less than ${LEAST_AMOUNT} in the window"
