"""The faults, each a function that does it to running collectors and says how often; afterwards everything is stored."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from running import CollectorProcess, Members, Topic, finish_as_the_next_start, now, prepared_store, wait_until
from traffic import Traffic
from unreliable import FailingStore, SlowStore

from server.kafka_broker import KafkaBroker
from store.connection import Store

_DISK_MB: Final = 96


class Impossible(Exception):
    """This machine does not allow the fault; the message says what is needed."""


@dataclass(slots=True)
class Site:
    """Where a scenario takes place. It leaves the store that is audited in `store`, or its address in `dsn`.

    `afterwards` is left when the audit is done.
    """

    folder: Path
    broker: KafkaBroker | None
    topic: Topic
    traffic: Traffic
    chance: random.Random
    quick: bool
    afterwards: ExitStack
    store: Store | None = None
    dsn: str = ""

    @property
    def records(self) -> list[bytes]:
        return [*self.traffic.calls, *self.traffic.reports]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`count` and `quick_count` are calls; `spread` is how far back from `age` ago they started."""

    done: str
    run: Callable[[Site], int]
    count: int
    quick_count: int
    spread: timedelta = timedelta(minutes=20)
    age: timedelta = timedelta(seconds=1)
    copies: int = 1
    own_broker: bool = False


def slices(records: list[bytes], parts: int) -> list[list[bytes]]:
    return [records[len(records) * n // parts : len(records) * (n + 1) // parts] for n in range(parts)]


@contextmanager
def collector(site: Site, batch_rows: int) -> Iterator[CollectorProcess]:
    """A collector process that is not started yet; at the end its store is the one to audit."""
    config = site.topic.config(batch_rows, group_instance_id="collector")
    with CollectorProcess(site.folder / "collector", config) as process:
        site.dsn = process.dsn
        yield process


def killed(site: Site) -> int:
    kills = 2 if site.quick else 50
    parts = slices(site.records, kills + 1)
    with collector(site, 20) as process:
        for part in parts[:-1]:
            site.topic.send(part)
            before = site.topic.committed()
            process.start()
            if site.chance.random() < 0.2:
                time.sleep(site.chance.uniform(0.5, 3))  # while it starts
            else:
                wait_until(lambda before=before: site.topic.committed() > before, "the collector gets on")
                time.sleep(site.chance.uniform(0, 0.3))
            process.kill()
        site.topic.send(parts[-1])
        process.start()
        site.topic.wait_until_drained()
        process.stop()
    return kills


def broker_restarted(site: Site) -> int:
    assert site.broker is not None
    restarts = 1 if site.quick else 8
    parts = slices(site.records, restarts + 1)
    with collector(site, 50) as process:
        process.start()
        for number, part in enumerate(parts[:-1]):
            site.topic.send(part)
            process.wait_until_it_says("reading partitions")
            time.sleep(site.chance.uniform(0, 0.5))
            (site.broker.kill if number % 2 == 0 else site.broker.stop)()
            site.broker.start()
        site.topic.send(parts[-1])
        site.topic.wait_until_drained()
        process.stop()
    return restarts


def broker_away(site: Site) -> int:
    assert site.broker is not None
    first, second = slices(site.records, 2)
    with collector(site, 50) as process:
        site.topic.send(first)
        process.start()
        process.wait_until_it_says("reading partitions")
        site.broker.kill()
        time.sleep(3 if site.quick else 120)
        site.broker.start()
        site.topic.send(second)
        site.topic.wait_until_drained()
        process.stop()
    return 1


def members_come_and_go(site: Site) -> int:
    changes = 2 if site.quick else 30
    config = site.topic.config(20)
    members = Members(prepared_store(site.folder))
    site.store = members.store
    with members.running(config):
        for part in slices(site.records, changes):
            site.topic.send(part)
            with ExitStack() as others:
                for _ in range(site.chance.choice((1, 2))):
                    others.enter_context(members.running(config))
                time.sleep(site.chance.uniform(0.5, 2))
        site.topic.wait_until_drained()
    return changes


def writes_fail(site: Site) -> int:
    store = prepared_store(site.folder, FailingStore)
    with Members(store).running(site.topic.config(150)):
        site.topic.send(site.records)
        site.topic.wait_until_drained()
        failures = FailingStore.failures
    site.store = store
    return failures


def slow_store(site: Site) -> int:
    rows = 200 if site.quick else 2000
    SlowStore.seconds, SlowStore.lines = (5.0 if site.quick else 15.0), rows * 3 // 4
    site.store = prepared_store(site.folder, SlowStore)
    site.topic.send(site.records)
    waits_ms = int(SlowStore.seconds * 600)
    with Members(site.store).running(site.topic.config(rows, max_poll_interval_ms=waits_ms)):
        site.topic.wait_until_drained()
    return SlowStore.slow


def disk_full(site: Site) -> int:
    times = 1 if site.quick else 4
    disk = site.folder / "collector" / "store"
    disk.mkdir(parents=True)
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(disk)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        raise Impossible("a disk of its own needs root")
    site.afterwards.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=True)
    parts = slices(site.records, times + 1)
    with collector(site, 100) as process:
        process.start()
        process.wait_until_it_says("reading partitions")
        for part in parts[:-1]:
            ballast = _fill(disk)
            site.topic.send(part)
            process.wait_until_it_says("records kept, next try")
            time.sleep(1 if site.quick else 10)
            ballast.unlink()
            site.topic.wait_until_drained()
        site.topic.send(parts[-1])
        site.topic.wait_until_drained()
        process.stop()
    finish_as_the_next_start(site.dsn)  # the last roll-up may have found too little room as well
    return times


def _fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 * 1024))
        except OSError:
            return ballast


def clock_jumps(site: Site) -> int:
    jumps = 0

    def clock() -> datetime:
        nonlocal jumps
        jumps += 1
        return now() + timedelta(hours=site.chance.uniform(-6, 6))

    site.store = prepared_store(site.folder)
    with Members(site.store, clock).running(site.topic.config(50)):
        site.topic.send(site.records)
        site.topic.wait_until_drained()
    return jumps


def delivered_twice(site: Site) -> int:
    again = site.records
    site.chance.shuffle(again)
    site.traffic.planted["malformed_json"] *= 2  # what names no producer may well be two records
    site.store = prepared_store(site.folder)
    with Members(site.store).running(site.topic.config(100)):
        site.topic.send(site.records)
        site.topic.send(again)
        site.topic.wait_until_drained()
    return len(again)


def out_of_order(site: Site) -> int:
    site.store = prepared_store(site.folder)
    with Members(site.store).running(site.topic.config(100)):
        for part in slices(site.records, 2 if site.quick else 6):
            site.topic.send(part)
            site.topic.wait_until_drained()
    return len(site.records)


SCENARIOS: Final = {
    "killed": Scenario("the collector is killed (SIGKILL) at a random moment", killed, 10_000, 500),
    "broker-restarted": Scenario(
        "the broker is killed or stopped, and started again", broker_restarted, 8_000, 500, own_broker=True
    ),
    "broker-away": Scenario(
        "the broker is away for two minutes (quick: 3 s)", broker_away, 6_000, 500, own_broker=True
    ),
    "members": Scenario("members join the group and leave it", members_come_and_go, 12_000, 500),
    "writes-fail": Scenario("a write fails, before or after it was done", writes_fail, 10_000, 300),
    "slow-store": Scenario("an insert takes longer than the group waits for a member", slow_store, 10_000, 400),
    "disk-full": Scenario("the disk of the store is full", disk_full, 10_000, 500),
    "clock-jumps": Scenario(
        "the collector's clock jumps, up to 6 hours either way",
        clock_jumps,
        10_000,
        500,
        age=timedelta(hours=12),
    ),
    "delivered-twice": Scenario("every record is delivered twice", delivered_twice, 10_000, 500),
    "out-of-order": Scenario(
        "events arrive in any order, up to 30 hours late", out_of_order, 10_000, 500, spread=timedelta(hours=30)
    ),
}
