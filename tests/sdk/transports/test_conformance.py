"""What every transport must do, against the real far side."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from emitted import read
from kafka import KafkaConsumer, TopicPartition
from loopback_intake import LoopbackIntake
from tokentide.config import load
from tokentide.transports import TRANSPORTS, open_transport
from tokentide.transports.memory import MemoryTransport
from tokentide.transports.transport import MAX_RECORDS, Transport

from server.kafka_broker import KafkaBroker

PRODUCER = "01a206ed-926c-7d7f-9fa4-539436870e41"


@dataclass
class Destination:
    transport: Transport
    arrived: Callable[[], list[bytes]]


def record(number: int, padding: str = "") -> bytes:
    return read(f"call-{number}-é{padding}", PRODUCER, number).to_json()


@pytest.fixture(params=sorted(TRANSPORTS))
def destination(request: pytest.FixtureRequest) -> Iterator[Destination]:
    with contextlib.contextmanager(open_destination)(request) as opened:
        yield opened
        opened.transport.close()


def open_destination(request: pytest.FixtureRequest) -> Iterator[Destination]:
    if request.param == "memory":
        memory = MemoryTransport(load({}))
        yield Destination(memory, lambda: memory.records)
    elif request.param == "http":
        with LoopbackIntake() as intake:
            yield Destination(open_transport(load({}, endpoint=intake.endpoint)), lambda: intake.records)
    else:
        kafka: KafkaBroker = request.getfixturevalue("kafka")
        topic: str = request.getfixturevalue("topic")
        settings = load({}, transport="kafka", kafka_bootstrap=kafka.bootstrap, kafka_topic=topic)
        yield Destination(open_transport(settings), lambda: consume(kafka, topic))


def consume(kafka: KafkaBroker, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap)
    partitions = [TopicPartition(topic, number) for number in (0, 1)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    count, found = sum(consumer.end_offsets(partitions).values()), []
    give_up = time.monotonic() + 30
    while len(found) < count and time.monotonic() < give_up:
        found += [message.value for batch in consumer.poll(500).values() for message in batch]
    consumer.close()
    return found


def test_records_are_there_as_they_were_and_in_order_when_send_returns(destination: Destination) -> None:
    sent = [record(number) for number in range(MAX_RECORDS)]
    destination.transport.send(sent[:400], 30)
    destination.transport.send(sent[400:], 30)
    assert destination.arrived() == sent


def test_one_large_record_arrives(destination: Destination) -> None:
    sent = [record(1), record(2, "x" * 900_000), record(3)]
    destination.transport.send(sent, 30)
    assert destination.arrived() == sent


def test_it_connects_again_after_close_and_after_forget(destination: Destination) -> None:
    for number in range(2):
        destination.transport.close()
        destination.transport.send([record(number)], 30)
    assert destination.arrived() == [record(0), record(1)]
    destination.transport.forget()
    destination.transport.send([record(2)], 30)
    assert record(2) in destination.arrived()
