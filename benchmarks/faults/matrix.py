"""The fault matrix: real collectors on a real Kafka, one fault at a time, and then an audit of what is stored.

Prints a Markdown table and ends with one JSON line; exit code 1 when anything is missing, counted twice or wrong.
Each scenario runs in a process of its own, because a process can own one embedded store only.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from audit import audit
from running import DATABASE, Stuck, Topic, now
from scenarios import SCENARIOS, Impossible, Site
from traffic import generate

from server.kafka_broker import KafkaBroker
from store.connection import open_store

LONGEST_S: Final = 900.0
COLUMNS: Final = (
    "what was done",
    "times",
    "emitted",
    "stored",
    "dead letters",
    "missing",
    "duplicates",
    "delivered again",
    "seconds",
)


def run(name: str, seed: int, quick: bool, bootstrap: str | None) -> dict[str, Any]:
    """The row of one scenario. A broker at `bootstrap` is used unless the scenario ends its broker."""
    scenario, began = SCENARIOS[name], time.monotonic()
    chance = random.Random(seed)
    traffic = generate(scenario.quick_count if quick else scenario.count, seed, now() - scenario.age, scenario.spread)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokentide-faults-")))
        broker = None
        if scenario.own_broker or bootstrap is None:
            broker = stack.enter_context(KafkaBroker(folder / "kafka"))
        topic = Topic(broker.bootstrap if broker else str(bootstrap), f"calls-{uuid.uuid4().hex[:12]}", chance)
        topic.create()
        site = Site(folder, broker, topic, traffic, chance, quick, stack)
        row: dict[str, Any] = {"name": name, "done": scenario.done, "seed": seed}
        try:
            row["times"] = scenario.run(site)
            site.store = site.store or open_store(site.dsn, DATABASE)
            findings = audit(site.store, traffic)
            row |= dataclasses.asdict(findings) | {"good": findings.good}
        except Impossible as error:
            row |= {"skipped": str(error), "good": True}
        except Stuck as error:
            row |= {"wrong": [str(error)], "good": False}
        if site.store is not None:
            site.store.close()
    return row | {"seconds": round(time.monotonic() - began, 1)}


def run_apart(name: str, seed: int, quick: bool, bootstrap: str | None) -> dict[str, Any]:
    """The same in a process of its own, for at most a quarter of an hour."""
    command = [sys.executable, __file__, "--here", "--only", name, "--seed", str(seed)]
    command += ["--quick"] if quick else []
    command += ["--bootstrap", bootstrap] if bootstrap else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            said, _ = running.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            running.terminate()  # so that it ends its broker
            return {"name": name, "wrong": [f"it did not end within {LONGEST_S:.0f} s"], "good": False}
    lines = said.splitlines()
    if not lines:
        return {"name": name, "wrong": [f"it ended with {running.returncode} and said nothing"], "good": False}
    row: dict[str, Any] = json.loads(lines[-1])["rows"][0]
    return row


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|" + "--:|" * (len(COLUMNS) - 1)]
    for row in rows:
        if "stored" not in row:
            lines.append(f"| {row.get('done', row['name'])} | {row.get('skipped', 'failed, see below')} |" + " |" * 7)
            continue
        numbers = (
            row[name] for name in ("times", "emitted", "stored", "dead_letters", "missing", "duplicates", "repeated")
        )
        lines.append(f"| {row['done']} | {' | '.join(f'{n:,}' for n in numbers)} | {row['seconds']:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few events and few faults: seconds instead of minutes")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), help="these scenarios")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")
    parser.add_argument("--bootstrap", help="a running broker for the scenarios that leave it alone")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rows = []
    for name in asked.only:
        if not asked.here:
            print(f"{name} …", file=sys.stderr)
        rows.append((run if asked.here else run_apart)(name, asked.seed, asked.quick, asked.bootstrap))
        for sentence in () if asked.here else rows[-1].get("wrong", ()):
            print(f"{name}: {sentence}", file=sys.stderr)
    print(table(rows), end="\n\n")
    print(json.dumps({"seed": asked.seed, "quick": asked.quick, "cores": os.cpu_count(), "rows": rows}, default=str))
    sys.stdout.flush()
    sys.exit(0 if all(row["good"] for row in rows) else 1)


if __name__ == "__main__":
    main()
