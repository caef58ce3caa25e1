"""What pricing costs: `python benchmarks/cost.py`. The last line is one JSON object.

`priced_rows_per_s`: calls whose cost the store works out by minute and dimensions, as re-pricing does: from the tokens
that the roll-up added up for each price; `priced_rows_per_s_unmerged` is the same while every minute still has the rows
of two roll-ups. `priced_anew_per_s` is the same from the calls, de-duplicated (FINAL), and `rolled_up_per_s` that with all
else that the roll-up works out, such as the sketches of latencies, written. `priced_one_by_one_per_s` is the cost of each
call, added up; `summed_rows_per_s` is what it takes to add up tokens without prices, to compare with.
`reprice_s` is the time to price all calls of the table again after a change that concerns half of them, roll-ups
included. `book_opens_ms` is the time to read the price book and its names in a new process, without its imports.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from page_panels import fill

from collector.price_book.book import PriceBook, Update, seed_prices
from collector.price_book.price_file import parse_price_file
from collector.price_book.resolve import Resolver
from collector.repricing.reprice import reprice
from collector.rollup import RollUp
from store.connection import Store, open_store
from store.migrate import migrate
from store.sql import Query, parse

END = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
NAMES = ("openai", "api.openai.com", "gpt-5", "gpt-5-2025-08-07", "default")
OPENS = """
import time
from collector.price_book import release, resolve
before = time.perf_counter()
resolve.Resolver()
release.release_rows()
print(time.perf_counter() - before)
"""
PRICED, PRICED_ANEW = (
    parse(
        "priced",
        f"""-- One row = all that was spent, by minute and dimensions.
SELECT sum(cost), sum(attempts) FROM priced_minutes_at(version = (SELECT max(number) FROM cost_versions), anew = {anew},
    start = '2026-11-01 00:00:00', end = '2026-12-01 00:00:00')""",
    )
    for anew in (0, 1)
)
ONE_BY_ONE = parse("one_by_one", "-- One row = all that was spent.\nSELECT sum(cost), count() FROM priced_calls")
SUMMED = parse(
    "summed",
    "-- One row = all tokens.\nSELECT sum(input_tokens + output_tokens), count() FROM llm_calls FINAL WHERE superseded = 0",
)
KEYED = parse(
    "keyed",
    """-- One row = a call with a price key, as the collector writes it.
ALTER TABLE llm_calls UPDATE price_key = {price_key:UInt64}, provider_reported_cost = NULL
WHERE provider = {provider:String} AND model_requested = {model:String} SETTINGS mutations_sync = 2""",
)
MERGED = [
    parse("merged", f"-- One row = a call, or calls of a minute.\nOPTIMIZE TABLE {table} FINAL")
    for table in ("llm_calls", "call_minutes")
]
DEARER = '[[price]]\nprovider = "openai"\nmodel = "*"\ncontext = "*"\ndiscount = 0.1\n'
MODELS = (
    ("openai", "gpt-5.2"),
    ("openai", "gpt-5.2-mini"),
    ("anthropic", "claude-sonnet-5"),
    ("anthropic", "claude-haiku-5-5"),
)


def seconds(act: Callable[[], object], times: int = 3) -> float:
    """The median of so many runs."""
    spent = []
    for _ in range(times):
        before = time.perf_counter()
        act()
        spent.append(time.perf_counter() - before)
    return statistics.median(spent)


def per_s(store: Store, query: Query, calls: int) -> int:
    return round(calls / seconds(lambda: store.query(query)))


def roll_up(store: Store) -> None:
    """Roll up again the day before END."""
    work = RollUp(store)
    work.touch(END - timedelta(minutes=minute) for minute in range(24 * 60 + 1))
    while work.rebuild():
        pass


def lookups_per_s(times: int = 500_000) -> int:
    """How many names a resolver that knows them looks up in a second."""
    resolver = Resolver()
    before = time.perf_counter()
    for _ in range(times):
        resolver.key(*NAMES)
    return round(times / (time.perf_counter() - before))


def opens_ms() -> float:
    """The median over new processes."""
    command = [sys.executable, "-c", OPENS]
    spent = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(5)]
    return round(1000 * statistics.median(spent), 1)


def measure(store: Store, calls: int) -> dict[str, Any]:
    migrate(store, END)
    seed_prices(store, END)
    fill(store, calls, END)
    resolver = Resolver()
    for provider, model in MODELS:
        key = resolver.key(provider, "", model, "", "")
        store.execute(KEYED, {"price_key": key, "provider": provider, "model": model})
    found: dict[str, Any] = {"rolled_up_per_s": round(calls / seconds(lambda: roll_up(store), times=1))}
    found["priced_rows_per_s_unmerged"] = per_s(store, PRICED, calls)
    for merged in MERGED:
        store.execute(merged)
    found["priced_rows_per_s"] = per_s(store, PRICED, calls)
    found["priced_anew_per_s"] = per_s(store, PRICED_ANEW, calls)
    found["priced_one_by_one_per_s"] = per_s(store, ONE_BY_ONE, calls)
    found["summed_rows_per_s"] = per_s(store, SUMMED, calls)
    book = PriceBook(store)
    book.record(Update("contract", "ours", "0" * 64, "a contract", parse_price_file(DEARER, "contract", "ours")), END)
    book.put_in_force("a contract", END)
    start = (END - timedelta(days=1)).replace(minute=0)
    before = time.perf_counter()
    done = reprice(store, resolver, start, END, "a contract", END, dry_run=False)
    found["reprice_s"] = round(time.perf_counter() - before, 2)
    found["changes"] = len(done.changes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5_000_000)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"chdb://{folder}/store", "tokentide")
        found = measure(store, calls)
        store.close()
    print(json.dumps({"calls": calls, **found, "lookups_per_s": lookups_per_s(), "book_opens_ms": opens_ms()}))


if __name__ == "__main__":
    main()
