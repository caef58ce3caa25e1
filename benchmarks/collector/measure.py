"""How fast the collector is, and whether it loses or doubles anything: real Kafka, real store, all on this machine.

The last line is one JSON object. Each rate goes from the first stored record of a full topic to the last one, roll-ups
and ledger beside it. `visible_s` is the longest time from handing an event in to its being in a report, at 1,000 events
a second. `missing` and `duplicates` are what the ledger and the roll-ups say against what was sent, after a replay of
everything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from load import fill
from process import Running, program
from visible import slowest_visible_s

from server.kafka_broker import KafkaBroker
from store.connection import open_store
from store.sql import parse

STORED = "tokentide_collector_stored_records_total"
PATIENCE_S = 600.0
# So many events a second of the apps' clocks: what is read at full speed then touches minutes as a backlog does.
PER_SECOND = 5_000
TOTALS = parse(
    "totals",
    """-- One row = what is stored and counted.
SELECT
    (SELECT count() FROM llm_calls FINAL),
    (SELECT sum(attempts) FROM call_minutes FINAL),
    (SELECT sum(attempts) FROM call_hours FINAL),
    (SELECT sum(input_tokens + output_tokens) FROM call_hours FINAL),
    (SELECT toString(sum(cost)) FROM call_hours FINAL),
    (SELECT sum(missing) FROM producer_ledger)""",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One pass of a collector over a topic."""

    per_s: int
    peak_mb: int
    totals: tuple[Any, ...]


def collect(broker: KafkaBroker, folder: Path, topic: str, group: str, count: int) -> Run:
    """Let a collector with the store in `folder` read the whole topic as the consumer group `group`."""
    settings = {
        "collector__sources": '["kafka"]',
        "collector__kafka_bootstrap": broker.bootstrap,
        "collector__kafka_topic": topic,
        "collector__kafka_group": group,
    }
    with program("collector", folder, **settings) as running:
        first, start = first_stored(running)
        end = running.wait_for(STORED, count + 1, PATIENCE_S)
        peak = running.peak_mb()
    return Run(round((count - first) / (end - start)), peak, totals(folder))


def first_stored(running: Running) -> tuple[int, float]:
    """How many records were stored when the first ones were seen, and when that was."""
    start = running.wait_for(STORED, 1, PATIENCE_S)
    return int(running.metric(STORED)), start


def totals(folder: Path) -> tuple[Any, ...]:
    """What the store says, now that no process has it."""
    store = open_store(f"chdb://{folder}/tokentide-data/store", "tokentide")
    found = store.query(TOTALS).rows[0]
    store.close()
    return found


def measure(events: int, folder: Path) -> dict[str, Any]:
    """All numbers."""
    with KafkaBroker(folder / "kafka") as broker:
        made = {}
        for kind, texts in (("texts", True), ("numbers", False)):
            (folder / kind).mkdir()
            start = datetime.now(timezone.utc) - timedelta(seconds=events / PER_SECOND)
            size = fill(broker, kind, events, start, PER_SECOND, texts)
            print(f"{events} events of {size} bytes ({kind}) …", file=sys.stderr)
            made[kind] = collect(broker, folder / kind, kind, "first", events)
        print("the same again, as a replay …", file=sys.stderr)
        replayed = collect(broker, folder / "numbers", "numbers", "second", events)
        print("one event among 1,000 a second …", file=sys.stderr)
        visible = slowest_visible_s(broker, folder / "visible")
    runs = (*made.values(), replayed)
    doubled = [max(run.totals[:3]) - events for run in runs]
    return {
        "texts_per_s": made["texts"].per_s,
        "numbers_per_s": made["numbers"].per_s,
        "replayed_per_s": replayed.per_s,
        "visible_s": visible,
        "rss_mb": max(run.peak_mb for run in runs),
        "missing": sum(int(run.totals[5]) for run in runs) + sum(max(0, events - min(run.totals[:3])) for run in runs),
        "duplicates": sum(max(0, extra) for extra in doubled),
        "replay_changes_totals": made["numbers"].totals != replayed.totals,
    }


def otlp_per_s() -> int:
    """Spans a second, by the benchmark of that intake."""
    command = [sys.executable, str(Path(__file__).parents[1] / "otlp_rate.py")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(json.loads(answer.splitlines()[-1])["spans_per_s_masked"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="how many events a topic has")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(asked.events, Path(folder))
    print(json.dumps(found), file=sys.stderr)
    found["otlp_per_s"] = otlp_per_s()
    print(f"took {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
