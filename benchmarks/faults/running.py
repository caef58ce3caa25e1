"""What a scenario runs: the topic, collectors as processes of their own, and members of a group inside this process."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from tokentide.version import VERSION

from collector.config import CollectorConfig
from collector.decode import Decoder
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.price_book.book import seed_prices
from collector.price_book.resolve import Resolver
from collector.rollup import RollUp
from collector.sources.kafka import KafkaSource
from store.connection import Store, open_store
from store.errors import StoreError
from store.migrate import migrate

PARTITIONS: Final = 4
DATABASE: Final = "tokentide"
ACCEPT_PAST: Final = timedelta(days=30)
ACCEPT_FUTURE: Final = timedelta(minutes=10)
LONGEST_WAIT_S: Final = 400.0
_CLIENT: Final = {
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 500,
    "metadata_max_age_ms": 1000,
    "reconnect_backoff_max_ms": 1000,
}


class Stuck(Exception):
    """Something did not happen in time; the message says what."""


def now() -> datetime:
    return datetime.now(timezone.utc)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = LONGEST_WAIT_S) -> None:
    """Poll until `condition` holds. Raises Stuck."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise Stuck(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


class Topic:
    """The topic of events of one run, and the offsets that its group has committed."""

    def __init__(self, bootstrap: str, name: str, chance: random.Random) -> None:
        self.bootstrap = bootstrap
        self.name = name
        self._chance = chance
        self._partitions = [TopicPartition(name, number) for number in range(PARTITIONS)]
        self._sent = 0

    def create(self) -> None:
        """Create it on the broker."""
        client = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            client.create_topics([NewTopic(self.name, num_partitions=PARTITIONS, replication_factor=1)])
        finally:
            client.close()

    def send(self, records: Sequence[bytes]) -> None:
        """Returns when the broker has acknowledged all `records`, each on a random partition."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks="all", linger_ms=20)
        try:
            sent = [producer.send(self.name, body, partition=self._chance.randrange(PARTITIONS)) for body in records]
            producer.flush()
            for one in sent:
                one.get(timeout=60)
        finally:
            producer.close()
        self._sent += len(records)

    def committed(self) -> int:
        """How many records the group has committed."""
        client = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=self.name, enable_auto_commit=False)
        try:
            return sum(client.committed(partition) or 0 for partition in self._partitions)
        finally:
            client.close()

    def drained(self) -> bool:
        """Whether everything sent so far is committed."""
        try:
            return self.committed() == self._sent
        except KafkaError:
            return False

    def wait_until_drained(self) -> None:
        """Raises Stuck."""
        wait_until(self.drained, "everything is stored and committed")

    def config(self, batch_rows: int, **client: Any) -> CollectorConfig:
        """The settings of a collector that reads this topic."""
        return CollectorConfig(
            sources=("kafka",),
            kafka_bootstrap=self.bootstrap,
            kafka_topic=self.name,
            kafka_group=self.name,
            kafka_client={**_CLIENT, **client},
            batch_rows=batch_rows,
            accept_past_days=ACCEPT_PAST.days,
            roll_up_every_s=0.2,
        )


class CollectorProcess:
    """A `tokentide collector` with its files in `folder`; it can be killed and started again."""

    def __init__(self, folder: Path, config: CollectorConfig) -> None:
        self._folder = folder
        self._log = folder / "collector.log"
        self._running: subprocess.Popen[bytes] | None = None
        self._said_before = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.dsn = f"chdb://{folder / 'store'}"
        settings = config.model_dump(mode="json", exclude_defaults=True)
        self._environment = {
            f"TOKENTIDE_COLLECTOR__{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in settings.items()
        }
        self._environment |= {
            "TOKENTIDE_STORE__DSN": self.dsn,
            "TOKENTIDE_STORE__DATABASE": DATABASE,
            "TOKENTIDE_STORE__LEAST_FREE_BYTES": "0",  # a full disk must be full
        }

    def start(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TOKENTIDE_")}
        self._said_before = len(self.log)
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "collector", "--port", "0"],
                cwd=self._folder,
                env=inherited | self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def wait_until_it_says(self, words: str) -> None:
        """Waits for `words` in what this start has logged. Raises Stuck, at once when the process has ended."""

        def said() -> bool:
            if self._running is None or self._running.poll() is not None:
                raise Stuck(f"the collector ended: {self.log[-2000:]}")
            return words in self.log[self._said_before :]

        wait_until(said, f"the collector says {words!r}")

    def kill(self) -> None:
        """SIGKILL."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def stop(self) -> None:
        """SIGTERM. Raises Stuck when the process does not end well within a minute."""
        assert self._running is not None
        self._running.send_signal(signal.SIGTERM)
        try:
            code = self._running.wait(60)
        except subprocess.TimeoutExpired as error:
            raise Stuck(f"the collector does not stop: {self.log[-2000:]}") from error
        self._running = None
        if code:
            raise Stuck(f"the collector ended with {code}: {self.log[-2000:]}")

    def __enter__(self) -> CollectorProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@dataclass(slots=True)
class Members:
    """Collectors of one group inside this process, because only one process may own an embedded store."""

    store: Store
    clock: Callable[[], datetime] = now
    errors: list[Exception] = field(default_factory=list)

    @contextmanager
    def running(self, config: CollectorConfig) -> Iterator[None]:
        """One more member until the block ends, its roll-up on a thread of its own. Raises what a loop raised."""
        stop, roll_up = threading.Event(), RollUp(self.store)
        decoder = Decoder(Resolver(), VERSION, config.max_record_bytes, ACCEPT_PAST, ACCEPT_FUTURE)
        source = KafkaSource(config)
        pipeline = Pipeline(source, decoder, self.store, roll_up, Metrics(CollectorRegistry()), self.clock)
        carrying = threading.Thread(target=self._guarded, args=(pipeline.run, stop))
        rolling = threading.Thread(target=self._guarded, args=(roll_up.run, stop, config.roll_up_every_s))
        for thread in (carrying, rolling):
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in (carrying, rolling):
                thread.join()
        _finish(roll_up)
        if self.errors:
            raise self.errors[0]

    def _guarded(self, loop: Callable[..., None], *arguments: Any) -> None:
        try:
            loop(*arguments)
        except Exception as error:  # noqa: BLE001  (raised again on the scenario's thread)
            self.errors.append(error)


def finish_as_the_next_start(dsn: str) -> None:
    """Roll up what a collector that has ended could not any more."""
    store = open_store(dsn, DATABASE)
    roll_up = RollUp(store)
    roll_up.recover()
    _finish(roll_up)
    store.close()


def _finish(roll_up: RollUp) -> None:
    """Rebuild what the last insert touched after the last roll-up, as the next start would."""

    def is_done() -> bool:
        try:
            return roll_up.rebuild() == 0
        except StoreError:
            return False

    wait_until(is_done, "everything is rolled up")


def prepared_store(folder: Path, kind: type[Store] = Store) -> Store:
    """A new embedded store in `folder` with today's tables and prices."""
    dsn = f"chdb://{folder / 'store'}"
    store = open_store(dsn, DATABASE)
    migrate(store, now())
    seed_prices(store, now())
    store.close()
    return kind(dsn, DATABASE)
