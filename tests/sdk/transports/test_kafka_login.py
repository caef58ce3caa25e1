"""A broker that asks for a name and a password: of the settings, and of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from emitted import read
from kafka import KafkaConsumer
from kafka_broker import ASKS_FOR_PASSWORDS
from tokentide.config import load
from tokentide.transports.kafka import KafkaTransport
from tokentide.transports.transport import TransportUnavailable

from server.kafka_broker import KafkaBroker

LOGIN = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "shop"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker that knows the app by its password."""
    with KafkaBroker(tmp_path_factory.mktemp("login"), settings=ASKS_FOR_PASSWORDS) as broker:
        yield broker


def sent(broker: KafkaBroker, topic: str, **settings: object) -> list[bytes]:
    """What is in the topic after one record was sent with these settings."""
    said = load({}, transport="kafka", kafka_bootstrap=broker.bootstrap, kafka_topic=topic, **settings)
    transport = KafkaTransport(said)
    try:
        transport.send([read("call-1", "p", 1).to_json()], 30)
    finally:
        transport.close()
    login = LOGIN | {"sasl_plain_password": "of-the-shop"}
    consumer = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", **login)
    found = [next(consumer).value]
    consumer.close()
    return found


def test_an_app_writes_with_its_password(broker: KafkaBroker, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of-the-shop\n")
    of_a_file = sent(broker, "of-a-file", kafka_client=LOGIN, kafka_password_file=str(tmp_path / "password"))
    of_the_settings = sent(broker, "of-settings", kafka_client={**LOGIN, "sasl_plain_password": "of-the-shop"})
    assert len(of_a_file) == len(of_the_settings) == 1
    assert all(b"call-1" in record for record in of_a_file + of_the_settings)


def test_a_wrong_password_or_none_is_a_far_side_that_is_away(broker: KafkaBroker, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    files = [tmp_path / "password", tmp_path / "nowhere"]
    for told in ({}, *({"kafka_client": LOGIN, "kafka_password_file": str(file)} for file in files)):
        with pytest.raises(TransportUnavailable, match=f"Kafka at {broker.bootstrap}") as found:
            sent(broker, "refused", **told)
        assert "hunter2" not in str(found.value)
