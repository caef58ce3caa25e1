"""How many milliseconds each panel of the overview takes over a million calls: `python benchmarks/page_panels.py`.

Prints one JSON object: for each panel and range the median of five answers, and the slowest of the medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from collector.rollup import RollUp
from dashboards.overview import OVERVIEW
from dashboards.page import answer
from dashboards.span import Span, step_for
from store.connection import Store, open_store
from store.migrate import migrate
from store.sql import parse

END = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
RANGES = {"1h": timedelta(hours=1), "24h": timedelta(hours=24)}


def fill(store: Store, calls: int, end: datetime) -> None:
    """Put `calls` made-up calls into the 24 hours before `end`, and roll them up as the collector does."""
    text = Path(__file__).with_name("fill_calls.sql").read_text("utf-8")
    store.execute(parse("fill_calls", text), {"calls": calls, "end": end})
    roll_up = RollUp(store)
    roll_up.recover(timedelta(days=2))
    while roll_up.rebuild():
        pass


def measure(store: Store, end: datetime) -> dict[str, dict[str, float]]:
    """The median milliseconds of five answers, by range and panel."""
    found: dict[str, dict[str, float]] = {}
    for name, length in RANGES.items():
        span = Span(end - length, end, step_for(length), ())
        found[name] = {
            panel.query: statistics.median(answer(store, panel.statement(), span)["took_ms"] for _ in range(5))
            for panel in OVERVIEW.panels()
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"chdb://{folder}/store")
        migrate(store, END)
        fill(store, calls, END)
        panels = measure(store, END)
        store.close()
    slowest = max(ms for ranges in panels.values() for ms in ranges.values())
    report: dict[str, Any] = {"calls": calls, "slowest_ms": slowest, "ms": panels}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
