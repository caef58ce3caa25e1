"""What a table that grows costs: the collector's rate, and its roll-up, with one million rows and with many more.

The last line is one JSON object. Both sizes have the same number of calls in every minute, so that a roll-up of as many
minutes has the same work to do. A table is made much faster than one grows in use, so its merges have to come to rest
before anything is measured; and as one merge of large parts may or may not fall into a run, there are several runs, one
after the other, whose time is added up. `ratio` is the rate of the larger table by that of the smaller one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

from load import fill
from measure import PER_SECOND, collect

from collector.rollup import RollUp
from server.kafka_broker import KafkaBroker
from store.connection import Store, open_store
from store.sql import parse

ROWS_A_DAY = 500_000
PIECE = 1_000_000
TOUCHED_MINUTES = (60, 240, 960)
COUNT = parse("count", "-- One row = how many rows there are.\nSELECT count() FROM llm_calls")
OLDEST = parse("oldest", "-- One row = when the oldest call started.\nSELECT min(started_at) FROM llm_calls")
MERGES = parse("merges", "-- One row = how many merges are at work.\nSELECT count() FROM system.merges")
RESTING_S = 5.0
REST_PATIENCE_S = 1800.0
COPY = parse(
    "copy",
    """-- One row = a call like one of the stored ones, at an earlier time.
INSERT INTO llm_calls SELECT * EXCEPT (number) REPLACE (
    generateUUIDv4() AS call_id,
    {producer:String} AS producer_id,
    rowNumberInAllBlocks() + 1 AS seq,
    {start:DateTime64(3)} + toIntervalMicrosecond(rowNumberInAllBlocks() * {apart:UInt32}) AS started_at
)
FROM (SELECT * FROM llm_calls LIMIT 10000) AS calls CROSS JOIN numbers({copies:UInt32}) AS numbers
SETTINGS max_threads = 1, max_block_size = 8192""",
)


def grow(store: Store, rows: int, newest: datetime) -> None:
    """Add calls that are older than `newest` and than every stored one, `ROWS_A_DAY` a day, until there are `rows`."""
    apart = 86_400_000_000 // ROWS_A_DAY
    before = min(newest, store.query(OLDEST).scalar())
    while (missing := rows - int(store.query(COUNT).scalar())) >= 10_000:
        piece = min(PIECE, missing) // 10_000 * 10_000
        before -= timedelta(microseconds=piece * apart)
        told = {"producer": f"copy before {before}", "start": before, "apart": apart, "copies": piece // 10_000}
        store.execute(COPY, told)


def rest(store: Store) -> None:
    """Wait until no merge has been at work for `RESTING_S`. Raises TimeoutError."""
    began = merged = time.monotonic()
    while (now := time.monotonic()) - merged < RESTING_S:
        if now - began > REST_PATIENCE_S:
            raise TimeoutError(f"merges did not come to rest within {REST_PATIENCE_S:.0f} s")
        if store.query(MERGES).scalar():
            merged = now
        time.sleep(0.2)


def rolled_up_s(store: Store, newest: datetime) -> dict[str, float]:
    """Seconds that the roll-up of so many minutes takes, each of them full, by their number."""
    roll_up = RollUp(store)
    first = newest.replace(second=0, microsecond=0) - timedelta(days=1)
    found = {}
    for count in TOUCHED_MINUTES:
        roll_up.touch(first - timedelta(minutes=number) for number in range(count))
        began = time.monotonic()
        while roll_up.rebuild():
            pass
        found[str(count)] = round(time.monotonic() - began, 2)
    return found


def measure(events: int, runs: int, sizes: list[int], folder: Path) -> list[dict[str, Any]]:
    """One object for each size of the table, from small to large; each of the runs adds `events` rows."""
    found = []
    newest = datetime.now(timezone.utc) - timedelta(days=1)
    with KafkaBroker(folder / "kafka") as broker:
        _collect(broker, folder, "seed", 20_000)
        for size in sizes:
            began = time.monotonic()
            with_rows(folder, size, newest)
            print(f"{size} rows, made in {time.monotonic() - began:.0f} s …", file=sys.stderr)
            rates = [_collect(broker, folder, f"at-{size}-{run}", events) for run in range(runs)]
            store = _store(folder)
            rolled_up = rolled_up_s(store, newest)
            found.append({"rows": size, "per_s": round(harmonic_mean(rates)), "runs": rates, "rolled_up_s": rolled_up})
            store.close()
            print(json.dumps(found[-1]), file=sys.stderr)
    return found


def with_rows(folder: Path, rows: int, newest: datetime) -> None:
    """Let the store in `folder` have `rows` calls, with the merges of making them done."""
    store = _store(folder)
    grow(store, rows, newest)
    rest(store)
    store.close()


def _collect(broker: KafkaBroker, folder: Path, topic: str, count: int) -> int:
    start = datetime.now(timezone.utc) - timedelta(seconds=count / PER_SECOND)
    fill(broker, topic, count, start, PER_SECOND, texts=False)
    return collect(broker, folder, topic, "growth", count).per_s


def _store(folder: Path) -> Store:
    return open_store(f"chdb://{folder}/tokentide-data/store", "tokentide")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=600_000, help="how many events a run collects")
    parser.add_argument("--runs", type=int, default=3, help="how many runs there are at each size")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 50_000_000], help="the sizes of the table")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(asked.events, asked.runs, sorted(asked.rows), Path(folder))
    ratio = round(found[-1]["per_s"] / found[0]["per_s"], 3)
    print(json.dumps({"sizes": found, "ratio": ratio}))


if __name__ == "__main__":
    main()
