from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from events import a_call
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from running_pipeline import running_pipeline, wait_until

from collector.brake import Brake
from collector.config import CollectorConfig
from collector.dead_letter_topic import DeadLetterTopic, TopicAway
from collector.record import DeadLetter, Record
from collector.sources.kafka import KafkaAway, KafkaSource
from server.kafka_broker import KafkaBroker
from store.connection import Store
from store.sql import parse

COUNTS = parse("c", "-- counts\nSELECT (SELECT count() FROM llm_calls FINAL), count() FROM dead_letters FINAL")


@pytest.fixture
def config(kafka: KafkaBroker, topic: str) -> CollectorConfig:
    return settings(kafka, topic)


def settings(kafka: KafkaBroker, topic: str, **changes: Any) -> CollectorConfig:
    client = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500, "metadata_max_age_ms": 1000}
    client["max_poll_interval_ms"] = 3_000
    given = {"kafka_topic": topic, "kafka_group": topic, "kafka_dead_letter_topic": f"{topic}-dead", **changes}
    return CollectorConfig(kafka_bootstrap=kafka.bootstrap, kafka_client=client, **given)


@pytest.fixture
def letters(config: CollectorConfig) -> Iterator[DeadLetterTopic]:
    opened = DeadLetterTopic(config)
    yield opened
    opened.close()


def a_letter(offset: int, body: bytes) -> DeadLetter:
    return DeadLetter(Record("calls/1", offset, body), "malformed_json", "no JSON \udc80", "p", 7)


def written(config: CollectorConfig, count: int) -> list[Any]:
    """The first `count` records of the topic of dead letters."""
    consumer = KafkaConsumer(bootstrap_servers=config.kafka_bootstrap, auto_offset_reset="earliest")
    found: list[Any] = []
    try:
        consumer.assign([TopicPartition(config.kafka_dead_letter_topic, 0)])
        wait_until(lambda: _more(consumer, found) >= count)
    finally:
        consumer.close()
    return found


def _more(consumer: Any, found: list[Any]) -> int:
    found += [one for batch in consumer.poll(500).values() for one in batch]
    return len(found)


def committed(config: CollectorConfig) -> int:
    consumer = KafkaConsumer(
        bootstrap_servers=config.kafka_bootstrap, group_id=config.kafka_group, enable_auto_commit=False
    )
    try:
        return sum(consumer.committed(TopicPartition(config.kafka_topic, n)) or 0 for n in range(2))
    finally:
        consumer.close()


def produce(config: CollectorConfig, *bodies: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=config.kafka_bootstrap, acks="all")
    for body in bodies:
        producer.send(config.kafka_topic, body, partition=0)
    producer.close()


def test_the_topic_is_created_and_a_letter_says_why_and_where_from(
    config: CollectorConfig, letters: DeadLetterTopic
) -> None:
    letters.send([a_letter(5, b"\xff\x00"), a_letter(6, b"")], NOW)
    first, second = written(config, 2)
    assert (first.value, second.value) == (b"\xff\x00", b"")
    assert dict(first.headers) == {
        "reason": b"malformed_json",
        "detail": b"no JSON ?",
        "topic": b"calls",
        "partition": b"1",
        "offset": b"5",
        "received_at": b"2026-11-20T12:00:00.000+00:00",
    }


def test_what_the_broker_finds_too_large_is_said_once_and_the_others_are_written(
    config: CollectorConfig, letters: DeadLetterTopic, caplog: pytest.LogCaptureFixture
) -> None:
    incompressible = [random.Random(seed).randbytes(3_000_000) for seed in range(2)]
    with caplog.at_level(logging.WARNING, "collector"):
        letters.send([a_letter(1, incompressible[0]), a_letter(2, b"small"), a_letter(3, incompressible[1])], NOW)
    assert [one.value for one in written(config, 1)] == [b"small"]
    assert [record.name for record in caplog.records].count("collector.dead_letter_topic") == 1


def test_a_topic_that_is_gone_is_told_and_nothing_blocks_for_ever(
    kafka: KafkaBroker, config: CollectorConfig, letters: DeadLetterTopic
) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.delete_topics([config.kafka_dead_letter_topic])
    admin.close()

    def refused() -> bool:
        try:
            letters.send([a_letter(1, b"x")], NOW)
        except TopicAway as error:
            return config.kafka_dead_letter_topic in str(error)
        return False

    wait_until(refused)


@pytest.mark.parametrize("name", ["not/a/name", "x" * 300])
def test_a_topic_that_cannot_be_had_is_named_with_the_setting(kafka: KafkaBroker, topic: str, name: str) -> None:
    with pytest.raises(KafkaAway, match=r"create it, .* or set collector\.kafka_dead_letter_topic to another"):
        DeadLetterTopic(settings(kafka, topic, kafka_dead_letter_topic=name))


def test_the_topic_of_the_events_cannot_be_that_of_the_dead_letters(kafka: KafkaBroker) -> None:
    with pytest.raises(ValueError, match="calls is the topic of the events: name another one"):
        settings(kafka, "calls", kafka_dead_letter_topic="calls")


def test_dead_letters_are_in_the_topic_and_in_the_table_before_the_offsets_are_committed(
    config: CollectorConfig, store: Store
) -> None:
    produce(config, *(a_call(seq=n).to_json() for n in range(10)), b"nonsense", b"\xfe")
    with running_pipeline(KafkaSource(config), store, topic=DeadLetterTopic(config)):
        wait_until(lambda: store.query(COUNTS).rows == [(10, 2)])
    assert committed(config) == 12
    assert {one.value for one in written(config, 2)} == {b"nonsense", b"\xfe"}


def test_while_the_topic_cannot_be_written_nothing_is_committed_and_then_nothing_is_lost(
    config: CollectorConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce(config, a_call().to_json(), b"nonsense")
    topic = DeadLetterTopic(config)
    send, away = topic.send, threading.Event()

    def sometimes(*arguments: Any) -> None:
        if not away.is_set():
            away.set()
            raise TopicAway("away")
        send(*arguments)

    monkeypatch.setattr(topic, "send", sometimes)
    with running_pipeline(KafkaSource(config), store, topic=topic):
        wait_until(away.is_set)
        assert committed(config) == 0
        wait_until(lambda: committed(config) == 2)
    assert [one.value for one in written(config, 1)] == [b"nonsense"]


def test_a_stop_while_the_topic_is_away_leaves_the_records_to_be_read_again(
    config: CollectorConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce(config, a_call().to_json(), b"nonsense")
    topic, tried = DeadLetterTopic(config), threading.Event()

    def away(*_: Any) -> None:
        tried.set()
        raise TopicAway("away")

    with monkeypatch.context() as patch:
        patch.setattr(topic, "send", away)
        with running_pipeline(KafkaSource(config), store, topic=topic):
            wait_until(tried.is_set)
    assert committed(config) == 0
    with running_pipeline(KafkaSource(config), store, topic=DeadLetterTopic(config)):
        wait_until(lambda: committed(config) == 2)
    assert store.query(COUNTS).rows == [(1, 1)]


def test_a_bad_deploy_pours_nothing_away_and_a_fixed_one_goes_on(
    kafka: KafkaBroker, topic: str, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    config = settings(kafka, topic, batch_rows=150)
    produce(config, *(a_call(seq=n).to_json() for n in range(200)))
    brake = Brake(0.9, 100, first_wait_s=0.2)
    # No call is that short. The tries go on for longer than a member may be silent.
    with running_pipeline(KafkaSource(config), store, topic=DeadLetterTopic(config), brake=brake, max_bytes=120):
        wait_until(lambda: caplog.text.count("kafka is paused") >= 6)
        assert "oversized" in brake.paused_reason
        assert (committed(config), members(config)) == (0, 1)
    assert store.query(COUNTS).rows == [(0, 0)]
    with running_pipeline(KafkaSource(config), store, topic=DeadLetterTopic(config), brake=Brake(0.9, 100)):
        wait_until(lambda: committed(config) == 200)
    assert store.query(COUNTS).rows == [(200, 0)]


def members(config: CollectorConfig) -> int:
    admin = KafkaAdminClient(bootstrap_servers=config.kafka_bootstrap)
    try:
        found = admin.describe_groups([config.kafka_group])
        return len(found[config.kafka_group]["members"])
    finally:
        admin.close()


def test_the_program_says_in_one_sentence_that_the_topic_cannot_be_had(kafka: KafkaBroker, tmp_path: Path) -> None:
    (tmp_path / "tokentide.toml").write_text(
        f'[collector]\nsources = ["kafka"]\nkafka_bootstrap = "{kafka.bootstrap}"\nkafka_dead_letter_topic = "a/b"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "collector", "--port", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "tokentide: the topic a/b of dead letters cannot be used: create it" in done.stderr
