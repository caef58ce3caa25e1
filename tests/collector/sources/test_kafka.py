from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from events import a_call
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import RequestTimedOutError, TopicAuthorizationFailedError
from running_pipeline import running_pipeline, wait_until

from collector.config import CollectorConfig
from collector.record import Outcome
from collector.sources.kafka import KafkaAway, KafkaSource
from server.kafka_broker import KafkaBroker
from store.connection import Store
from store.sql import parse

COUNTS = parse(
    "counts",
    "-- stored, repeats, refused\nSELECT (SELECT count() FROM llm_calls FINAL), (SELECT sum(delivered) FROM deliveries),"
    " (SELECT count() FROM dead_letters FINAL)",
)


def config(kafka: KafkaBroker, topic: str, **changes: Any) -> CollectorConfig:
    client = {"session_timeout_ms": 10_000, "heartbeat_interval_ms": 500, "metadata_max_age_ms": 1000}
    return CollectorConfig(
        kafka_bootstrap=kafka.bootstrap, kafka_topic=topic, kafka_group=topic, kafka_client=client, **changes
    )


@pytest.fixture
def produce(kafka: KafkaBroker, topic: str) -> Iterator[Callable[..., None]]:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")

    def send(*bodies: bytes) -> None:
        for number, body in enumerate(bodies):
            producer.send(topic, body, partition=number % 2)
        producer.flush()

    yield send
    producer.close()


def committed(kafka: KafkaBroker, topic: str) -> int:
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=topic, enable_auto_commit=False)
    try:
        return sum(consumer.committed(TopicPartition(topic, partition)) or 0 for partition in range(2))
    finally:
        consumer.close()


def stored(store: Store) -> int:
    return store.query(COUNTS).rows[0][0]


def test_events_are_stored_and_then_committed(
    kafka: KafkaBroker, topic: str, produce: Callable[..., None], store: Store
) -> None:
    produce(*[a_call(seq=n).to_json() for n in range(50)], b"nonsense")
    with running_pipeline(KafkaSource(config(kafka, topic)), store):
        wait_until(lambda: stored(store) == 50)
    assert committed(kafka, topic) == 51
    assert store.query(COUNTS).rows == [(50, 50, 1)]


def test_what_was_not_acknowledged_is_delivered_again(
    kafka: KafkaBroker, topic: str, produce: Callable[..., None]
) -> None:
    produce(*[str(n).encode() for n in range(10)])
    source = KafkaSource(config(kafka, topic))
    first = read_all(source, 10)
    source.close()
    again = KafkaSource(config(kafka, topic))
    assert sorted(read_all(again, 10)) == sorted(first)
    again.close()


def read_all(source: KafkaSource, count: int) -> list[bytes]:
    bodies: list[bytes] = []

    def enough() -> bool:
        chunk = source.read()
        bodies.extend(record.body for record in chunk.records if chunk) if chunk else None
        return len(bodies) >= count

    wait_until(enough)
    return bodies


def test_members_come_and_go_without_loss_or_double_effect(
    kafka: KafkaBroker, topic: str, produce: Callable[..., None], store: Store
) -> None:
    small = config(kafka, topic, batch_rows=20)
    with running_pipeline(KafkaSource(small), store):
        produce(*[a_call(seq=n).to_json() for n in range(200)])
        with running_pipeline(KafkaSource(small), store):
            produce(*[a_call(seq=n).to_json() for n in range(200, 400)])
            wait_until(lambda: stored(store) >= 300)
        produce(*[a_call(seq=n).to_json() for n in range(400, 600)])
        wait_until(lambda: stored(store) == 600)
    assert committed(kafka, topic) == 600


def members(kafka: KafkaBroker, topic: str) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        return {member["member_id"] for member in admin.describe_groups([topic])[topic]["members"]}
    finally:
        admin.close()


def test_who_leaves_while_it_joins_waits_for_nobody_and_is_not_waited_for(kafka: KafkaBroker, topic: str) -> None:
    # The group does not settle before the session of a member ends that is there and is not heard of.
    patient = CollectorConfig(kafka_bootstrap=kafka.bootstrap, kafka_topic=topic, kafka_group=topic)
    with ExitStack() as stack:
        silent, joining = KafkaSource(patient), KafkaSource(patient)
        stack.callback(silent.close)
        wait_until(lambda: silent.read() is None and bool(silent._consumer.assignment()))
        wait_until(lambda: joining.read() is None and len(members(kafka, topic)) == 2)
        joining.close()
        assert members(kafka, topic) == {silent._consumer.group_metadata().member_id}


def test_acknowledging_from_another_thread_commits_on_the_next_read(
    kafka: KafkaBroker, topic: str, produce: Callable[..., None]
) -> None:
    produce(b"one")
    with ExitStack() as stack:
        source = KafkaSource(config(kafka, topic))
        stack.callback(source.close)
        chunks = []
        wait_until(lambda: bool(chunks.append(source.read()) or chunks[-1]))
        assert committed(kafka, topic) == 0
        chunks[-1].acknowledge(Outcome(1))
        source.idle()
        assert committed(kafka, topic) == 1


def test_an_absent_broker_is_named_with_the_setting() -> None:
    # In a process of its own: kafka-python leaves its sockets open when no broker answers.
    program = (
        "from collector.config import CollectorConfig; from collector.sources.kafka import KafkaSource;"
        "KafkaSource(CollectorConfig(kafka_bootstrap='127.0.0.1:1', kafka_client={'bootstrap_timeout_ms': 500}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "KafkaAway: no Kafka broker answers at 127.0.0.1:1: start it, or set" in found.stderr


@pytest.mark.parametrize("name", ["group_id", "bootstrap_servers", "enable_auto_commit", "value_deserializer"])
def test_what_decides_over_delivery_is_not_for_the_client_settings(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be set here"):
        CollectorConfig(kafka_client={name: "x"})


def test_a_wrong_client_setting_is_not_called_an_absent_broker() -> None:
    with pytest.raises(KafkaAway, match=r"collector\.kafka_client is wrong: .*nothing"):
        KafkaSource(CollectorConfig(kafka_client={"nothing": 1}))


def test_a_passing_trouble_of_kafka_is_waited_out_and_another_one_is_told(
    kafka: KafkaBroker, topic: str, produce: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    produce(b"one")
    with ExitStack() as stack:
        source = KafkaSource(config(kafka, topic))
        stack.callback(source.close)
        poll, troubles = source._consumer.poll, iter([RequestTimedOutError(), TopicAuthorizationFailedError()])

        def sometimes(**options: Any) -> Any:
            if trouble := next(troubles, None):
                raise trouble
            return poll(**options)

        monkeypatch.setattr(source._consumer, "poll", sometimes)
        assert source.read() is None
        with pytest.raises(TopicAuthorizationFailedError):
            source.read()
        assert read_all(source, 1) == [b"one"]


def test_a_batch_waits_to_become_fuller_but_not_longer_than_its_age(
    kafka: KafkaBroker, topic: str, produce: Callable[..., None]
) -> None:
    with ExitStack() as stack:
        source = KafkaSource(config(kafka, topic, batch_age_s=5, batch_bytes=80_000))
        stack.callback(source.close)
        produce(b"one")
        assert read_all(source, 1) == [b"one"]
        assert source.read() is None
        produce(b"two")
        assert source.read() is None
        produce(b"three" * 2_000)
        assert sorted(read_all(source, 2)) == [b"three" * 2_000, b"two"]


def test_how_long_a_broker_waits_is_the_age_unless_the_client_settings_say_otherwise(
    kafka: KafkaBroker, topic: str
) -> None:
    def waits(**changes: Any) -> tuple[int, int]:
        with ExitStack() as stack:
            source = KafkaSource(CollectorConfig(kafka_bootstrap=kafka.bootstrap, kafka_topic=topic, **changes))
            stack.callback(source.close)
            return source._consumer.config["fetch_max_wait_ms"], source._consumer.config["fetch_min_bytes"]

    assert waits() == (200, 1)
    assert waits(batch_age_s=0.5) == (500, 2 * 2**20)
    assert waits(batch_age_s=1, batch_bytes=8_000) == (1000, 1000)
    assert waits(kafka_client={"fetch_max_wait_ms": 50, "fetch_min_bytes": 7}) == (50, 7)


def test_what_arrives_while_a_chunk_is_stored_is_read_afterwards(
    kafka: KafkaBroker, topic: str, produce: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    produce(b"one", b"two")
    with ExitStack() as stack:
        source = KafkaSource(config(kafka, topic))
        stack.callback(source.close)
        seen = set(read_all(source, 2))
        produce(b"three", b"four")
        # As if both partitions were assigned in the call itself.
        monkeypatch.setattr(source._consumer, "pause", lambda *partitions: None)
        poll = source._consumer.poll
        monkeypatch.setattr(source._consumer, "poll", lambda timeout_ms, **more: poll(timeout_ms=2000, **more))
        source.idle()
        assert set(read_all(source, 2)) | seen == {b"one", b"two", b"three", b"four"}
