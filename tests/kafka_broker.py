"""The session's one real Kafka node: `kafka` starts it when the first test asks for it (about three seconds)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from server.kafka_broker import KafkaBroker


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
