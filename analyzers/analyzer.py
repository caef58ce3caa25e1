"""What an analyzer is, and how its measurements are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from store.connection import Store

_COLUMNS: Final = [
    "analyzer",
    "metric",
    "labels",
    "window_start",
    "window_end",
    "value",
    "low",
    "high",
    "samples",
    "note",
    "computed_at",
]


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `start` up to, but not including, `end`; both in UTC and on a whole second."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number about one window and one set of labels.

    `value` is None when it is not known, and `note` then says why. `low` and `high` bound its 95 % interval where it
    has one, or that which `note` names. `samples` counts what the number was computed from.
    """

    metric: str
    labels: Mapping[str, str]
    window: Window
    value: float | None
    low: float | None = None
    high: float | None = None
    samples: int
    note: str = ""


class Analyzer(Protocol):
    """Reads the store and concludes; the same window gives the same measurements as long as the facts are the same."""

    @property
    def name(self) -> str:
        """The name in the table of analyzers, under which its measurements are stored."""
        ...

    @property
    def every(self) -> timedelta:
        """How long one window is, and how often one is due."""
        ...

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """The measurements of `window`, or of a day that was over at its end; none where nothing happened.

        Raises StoreError.
        """
        ...


def write(store: Store, analyzer: str, measurements: Sequence[Measurement], now: datetime) -> None:
    """Store `measurements`; those of the same metric, labels and window replace the earlier ones. Raises StoreError."""
    rows = [
        (
            analyzer,
            one.metric,
            dict(one.labels),
            one.window.start,
            one.window.end,
            one.value,
            one.low,
            one.high,
            one.samples,
            one.note,
            now,
        )
        for one in measurements
    ]
    store.insert("measurements", list(_COLUMNS), rows)
