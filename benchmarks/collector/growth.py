"""What a table that grows costs: the collector's rate, and its roll-up, with one million rows and with many more.

The last line is one JSON object. Both sizes have the same number of calls in every minute, so that a roll-up of as many
minutes has the same work to do. `ratio` is the rate of the larger table by that of the smaller one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
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


def measure(events: int, sizes: list[int], folder: Path) -> list[dict[str, Any]]:
    """One object for each size of the table, from small to large."""
    found = []
    newest = datetime.now(timezone.utc) - timedelta(days=1)
    with KafkaBroker(folder / "kafka") as broker:
        _collect(broker, folder, "seed", 20_000)
        for size in sizes:
            began = time.monotonic()
            with_rows(folder, size, newest)
            print(f"{size} rows, made in {time.monotonic() - began:.0f} s …", file=sys.stderr)
            per_s = _collect(broker, folder, f"at-{size}", events)
            store = _store(folder)
            found.append({"rows": size, "per_s": per_s, "rolled_up_s": rolled_up_s(store, newest)})
            store.close()
            print(json.dumps(found[-1]), file=sys.stderr)
    return found


def with_rows(folder: Path, rows: int, newest: datetime) -> None:
    """Let the store in `folder` have `rows` calls."""
    store = _store(folder)
    grow(store, rows, newest)
    store.close()


def _collect(broker: KafkaBroker, folder: Path, topic: str, count: int) -> int:
    start = datetime.now(timezone.utc) - timedelta(seconds=count / PER_SECOND)
    fill(broker, topic, count, start, PER_SECOND, texts=False)
    return collect(broker, folder, topic, "growth", count).per_s


def _store(folder: Path) -> Store:
    return open_store(f"chdb://{folder}/tokentide-data/store", "tokentide")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=600_000, help="how many events are collected at each size")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 50_000_000], help="the sizes of the table")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(asked.events, sorted(asked.rows), Path(folder))
    ratio = round(found[-1]["per_s"] / found[0]["per_s"], 3)
    print(json.dumps({"sizes": found, "ratio": ratio}))


if __name__ == "__main__":
    main()
