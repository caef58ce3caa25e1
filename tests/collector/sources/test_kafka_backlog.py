"""What the gauges and the readiness say of Kafka when it matters: behind, with the store away, with the broker away."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import NOW
from events import a_call
from kafka import KafkaProducer
from prometheus_client import CollectorRegistry
from running_pipeline import running_pipeline, wait_until

from collector.config import CollectorConfig
from collector.record import Chunk
from collector.sources.kafka import KafkaSource
from collector.sources.kafka_backlog import away_reason
from server.kafka_broker import KafkaBroker
from store.connection import Store

PARTITIONS = 4
HOUR = 3600
Send = Callable[[int, int], None]


@contextmanager
def sending(broker: KafkaBroker, topic: str) -> Iterator[Send]:
    """`send(first, after)` puts these calls into all partitions in turn, handed in an hour before NOW."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    handed_in = int((NOW - timedelta(seconds=HOUR)).timestamp() * 1000)

    def send(first: int, after: int) -> None:
        for seq in range(first, after):
            body = a_call(seq=seq).to_json()
            producer.send(topic, body, partition=seq % PARTITIONS, timestamp_ms=handed_in)
        producer.flush()

    try:
        yield send
    finally:
        producer.close()


def new_topic(broker: KafkaBroker) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    broker.create_topic(name, partitions=PARTITIONS)
    return name


def config(broker: KafkaBroker, topic: str, **changes: Any) -> CollectorConfig:
    client = {"heartbeat_interval_ms": 500, "metadata_max_age_ms": 1000, "reconnect_backoff_max_ms": 500}
    return CollectorConfig(
        kafka_bootstrap=broker.bootstrap, kafka_topic=topic, kafka_group=topic, kafka_client=client, **changes
    )


def next_chunk(source: KafkaSource) -> Chunk:
    found: list[Chunk | None] = []
    wait_until(lambda: bool(found.append(source.read()) or found[-1]))
    assert found[-1]
    return found[-1]


def gauges(registry: CollectorRegistry) -> Callable[[str], float]:
    def gauge(name: str) -> float:
        return registry.get_sample_value(f"tokentide_collector_{name}", {"source": "kafka"}) or 0.0

    return gauge


def test_what_waits_is_that_of_all_partitions(kafka: KafkaBroker) -> None:
    topic = new_topic(kafka)
    with sending(kafka, topic) as send:
        send(0, 400)
        source = KafkaSource(config(kafka, topic, batch_rows=20))
        try:
            assert len(next_chunk(source).records) == 20
            assert source.waiting() == 380
            for _ in range(19):
                next_chunk(source)
            assert source.waiting() == 0
            send(400, 440)
            source.idle()
            assert source.waiting() == 40
        finally:
            source.close()


def test_the_gauges_go_on_while_the_store_takes_nothing(kafka: KafkaBroker, store: Store) -> None:
    topic, registry, trouble = new_topic(kafka), CollectorRegistry(), ["the disk has 3 MiB left"]
    gauge = gauges(registry)
    source = KafkaSource(config(kafka, topic, batch_rows=20))
    with (
        sending(kafka, topic) as send,
        running_pipeline(source, store, registry=registry, trouble=lambda: "".join(trouble)),
    ):
        send(0, 100)
        # One chunk is tried again and again, one is read and waits behind it.
        wait_until(lambda: gauge("lag_records") == 60)
        assert gauge("lag_seconds") == HOUR
        send(100, 300)
        wait_until(lambda: gauge("lag_records") == 260)
        trouble.clear()
        wait_until(lambda: gauge("stored_records_total") == 300)
        wait_until(lambda: (gauge("lag_records"), gauge("lag_seconds")) == (0, 0))


class Clock:
    """Stands still until it is put forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_broker_that_is_away_is_told_until_it_is_back(tmp_path: Path, store: Store) -> None:
    registry, clock = CollectorRegistry(), Clock()
    gauge = gauges(registry)
    with KafkaBroker(tmp_path) as broker:
        topic = new_topic(broker)
        source = KafkaSource(config(broker, topic), clock)
        with sending(broker, topic) as send, running_pipeline(source, store, registry=registry):
            send(0, 10)
            wait_until(lambda: gauge("stored_records_total") == 10)
            clock.now += 30
            wait_until(lambda: gauge("lag_seconds") == 0)
            broker.kill()

            def is_told() -> bool:
                clock.now += 30
                return bool(source.away_reason())

            wait_until(is_told)
            assert gauge("lag_seconds") == gauge("source_away_seconds") >= 60
            broker.start()
            send(10, 20)
            wait_until(lambda: gauge("stored_records_total") == 20, seconds=60)
            wait_until(lambda: (gauge("lag_seconds"), source.away_reason()) == (0, ""))


def test_a_member_without_a_partition_hears_of_the_broker_too(kafka: KafkaBroker) -> None:
    clock = Clock()
    source = KafkaSource(config(kafka, "test-that-nobody-has-made"), clock)
    try:
        clock.now += HOUR
        assert source.away_s() == HOUR
        wait_until(lambda: source.read() is None and source.away_s() == 0)
        assert (source.waiting(), source.unknown_s(), source.away_reason()) == (0, 0, "")
    finally:
        source.close()


def test_until_the_group_has_shared_out_its_partitions_nothing_is_known(kafka: KafkaBroker, store: Store) -> None:
    topic, registry, clock = new_topic(kafka), CollectorRegistry(), Clock()
    gauge = gauges(registry)
    with sending(kafka, topic) as send, ExitStack() as stack:
        send(0, 10)
        silent = KafkaSource(config(kafka, topic))
        stack.callback(silent.close)
        next_chunk(silent)
        joining = KafkaSource(config(kafka, topic), clock)
        with running_pipeline(joining, store, registry=registry):
            # Until the session of the silent member ends the group waits for it.
            clock.now += HOUR
            wait_until(lambda: joining.away_s() == 0)
            assert math.isnan(gauge("lag_records"))
            assert gauge("lag_seconds") == HOUR
            assert f"the group {topic} has not shared out its partitions" in joining.away_reason()
            silent.close()
            wait_until(lambda: gauge("stored_records_total") == 10)
            wait_until(lambda: (gauge("lag_records"), gauge("lag_seconds"), joining.away_reason()) == (0, 0, ""))


def test_a_restart_is_not_told_and_a_longer_absence_says_what_to_do() -> None:
    assert away_reason(59.0, "kafka:9092") == ""
    said = away_reason(61.0, "kafka:9092")
    assert "no Kafka broker at kafka:9092 has answered for 61 s: start it, or correct collector.kafka_bootstrap" in said
