"""The session's one real Kafka node: `kafka` starts it when the first test asks for it (about three seconds)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from server.kafka_broker import KafkaBroker

JAAS = (
    'org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="of-the-broker" '
    'user_broker="of-the-broker" user_collector="of-the-collector" user_shop="of-the-shop";'
)
ASKS_FOR_PASSWORDS = {
    "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": JAAS,
    "auto.create.topics.enable": "true",
}
"""Settings of a broker that knows the users `collector` and `shop`."""


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A running broker. Leave it running: tests that stop or kill a broker start one of their own."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def topic(kafka: KafkaBroker) -> str:
    """A new topic with two partitions."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    kafka.create_topic(name, partitions=2)
    return name
