"""A broker that asks for a name and a password, which come from the settings and a file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka_broker import ASKS_FOR_PASSWORDS
from running_pipeline import wait_until

from collector.config import CollectorConfig
from collector.sources.kafka import KafkaAway, KafkaSource
from server.kafka_broker import KafkaBroker

LOGIN = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "collector"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker that knows the collector by its password."""
    with KafkaBroker(tmp_path_factory.mktemp("login"), settings=ASKS_FOR_PASSWORDS) as broker:
        yield broker


def test_a_collector_reads_with_the_password_of_the_file(broker: KafkaBroker, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("of-the-collector\n")
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap, acks="all", sasl_plain_password="of-the-collector", **LOGIN
    )
    producer.send("asked", b"one")
    producer.flush()
    producer.close()
    source = KafkaSource(
        CollectorConfig(
            kafka_bootstrap=broker.bootstrap, kafka_topic="asked", kafka_client=LOGIN, kafka_password_file=file
        )
    )
    bodies: list[bytes] = []

    def arrived() -> bool:
        chunk = source.read()
        bodies.extend(record.body for record in chunk.records) if chunk else None
        return bool(bodies)

    try:
        wait_until(arrived)
    finally:
        source.close()
    assert bodies == [b"one"]


def test_a_wrong_password_is_a_sentence_without_it(broker: KafkaBroker, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("not-the-one")
    # In a process of its own: kafka-python leaves its sockets open when it is refused.
    program = (
        "import sys, pathlib\n"
        "from collector.config import CollectorConfig\n"
        "from collector.sources.kafka import KafkaSource\n"
        f"login = {LOGIN!r} | {{'bootstrap_timeout_ms': 3000}}\n"
        "KafkaSource(CollectorConfig(kafka_bootstrap=sys.argv[1], kafka_client=login,"
        " kafka_password_file=pathlib.Path(sys.argv[2])))\n"
    )
    arguments = [sys.executable, "-c", program, broker.bootstrap, str(tmp_path / "password")]
    found = subprocess.run(arguments, capture_output=True, text=True, check=False)
    last = found.stderr.splitlines()[-1]
    assert "KafkaAway: no Kafka broker answers" in last
    assert "if it is there, correct the login in collector.kafka_client" in last
    assert "not-the-one" not in found.stderr


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(KafkaAway, match=r"kafka_password_file .*cannot be read, correct it"):
        KafkaSource(CollectorConfig(kafka_password_file=tmp_path / "nowhere"))
