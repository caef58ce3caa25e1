"""What each team's money was spent for, beside answers: see the report of money."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from analyzers.report import groups
from store.connection import Store
from store.sql import load

_AMOUNTS: Final = ("retries_usd", "abandoned_usd", "cache_savings_usd", "app_cache_saved_usd")


class MoneyAnalyzer:
    """Amounts of the report of money that add up over time, per team: `retries_usd`, `abandoned_usd` and two of caches.

    A value in US dollars is the known part, None when it is about calls of which none has a known amount.
    """

    name: Final = "money"

    def __init__(self, config: AnalyzersConfig) -> None:
        self.every = timedelta(seconds=config.every_s)

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """From the single calls of the window; the samples are attempts.

        The report is asked only where there are calls: to plan it takes the store longer than to look for one.
        """
        if not store.query(load("analyzers", "any_calls"), {"start": window.start, "end": window.end}).scalar():
            return []
        return [
            Measurement(
                metric=amount,
                labels={"team": row["team"]},
                window=window,
                value=None if row[amount] is None else float(row[amount]),
                samples=row["attempts"],
                note="none of these amounts is known" if row[amount] is None else "",
            )
            for row in groups(store, "money", ("team",), window.start, window.end)
            for amount in _AMOUNTS
        ]
