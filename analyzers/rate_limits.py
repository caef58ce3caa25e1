"""Which share of attempts was refused for its rate, and which share failed otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from analyzers.distributions import wilson
from store.connection import Store
from store.sql import load

_COUNTS: Final = {"rate_limited_ratio": "rate_limited", "error_ratio": "errors"}


class RateLimitsAnalyzer:
    """`rate_limited_ratio` and `error_ratio` (0 to 1, with the Wilson interval) per provider and model.

    An error is neither a success, nor a refusal for the rate, nor a cancellation by the app.
    """

    name: Final = "rate_limits"

    def __init__(self, config: AnalyzersConfig) -> None:
        self.every = timedelta(seconds=config.every_s)

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """From the roll-ups of the window; the samples are attempts."""
        rows = store.query(load("analyzers", "rate_limits"), {"start": window.start, "end": window.end}).dicts()
        return [one for row in rows for one in _measure(row, window)]


def _measure(row: dict[str, Any], window: Window) -> Iterator[Measurement]:
    labels = {"provider": row["provider"], "model": row["model"]}
    attempts = row["attempts"]
    for metric, column in _COUNTS.items():
        low, high = wilson(row[column], attempts)
        yield Measurement(
            metric=metric,
            labels=labels,
            window=window,
            value=row[column] / attempts,
            low=low,
            high=high,
            samples=attempts,
        )
