"""How long apps waited for each model: for the whole operation, and for the first token of streams."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from store.connection import Store
from store.sql import load

_SAMPLES: Final = {"felt": "operations", "first_token": "ok"}


class LatencyAnalyzer:
    """`felt_p50_ms`, `felt_p95_ms`, `felt_p99_ms` and the same of `first_token` per provider and model.

    `felt` is the time of a whole operation with its retries, its samples are operations. The roll-ups do not count how
    many attempts told their first token, so the samples of `first_token` are the successful attempts it is among.
    """

    name: Final = "latency"

    def __init__(self, config: AnalyzersConfig) -> None:
        self.every = timedelta(seconds=config.every_s)

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """From the merged sketches of the window; a quantile without a value is left out."""
        rows = store.query(load("analyzers", "latency"), {"start": window.start, "end": window.end}).dicts()
        return [one for row in rows for one in _measure(row, window)]


def _measure(row: dict[str, Any], window: Window) -> Iterator[Measurement]:
    labels = {"provider": row["provider"], "model": row["model"]}
    for sketch, samples in _SAMPLES.items():
        for percentile, value in zip((50, 95, 99), row[sketch], strict=True):
            if value is not None and math.isfinite(value):
                metric = f"{sketch}_p{percentile}_ms"
                yield Measurement(metric=metric, labels=labels, window=window, value=value, samples=row[samples])
