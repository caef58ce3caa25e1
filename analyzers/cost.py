"""What each team spent on each model, and for which share of its attempts that is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from store.connection import Store
from store.sql import load


class CostAnalyzer:
    """`cost_usd` (US dollars, None when no attempt is priced) and `priced_share` (0 to 1) per team and model."""

    name: Final = "cost"

    def __init__(self, config: AnalyzersConfig) -> None:
        self.every = timedelta(seconds=config.every_s)

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """From the roll-ups of the window; the samples are attempts."""
        rows = store.query(load("analyzers", "cost"), {"start": window.start, "end": window.end}).dicts()
        return [one for row in rows for one in _measure(row, window)]


def _measure(row: dict[str, Any], window: Window) -> Iterator[Measurement]:
    labels = {"team": row["team"], "model": row["model"]}
    attempts, unpriced = row["attempts"], row["attempts"] - row["priced"]
    note = f"the cost of {unpriced} of {attempts} attempts is unknown" if unpriced else ""
    cost = None if row["cost"] is None else float(row["cost"])
    yield Measurement(metric="cost_usd", labels=labels, window=window, value=cost, samples=attempts, note=note)
    if attempts:
        share = row["priced"] / attempts
        yield Measurement(metric="priced_share", labels=labels, window=window, value=share, samples=attempts, note=note)
