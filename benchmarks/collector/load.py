"""A topic full of events, made quickly: a thousand different ones, each with identities and times of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from kafka import KafkaProducer
from tokentide.call import ProducerReport
from tokentide.identifiers import uuid7

from server.kafka_broker import KafkaBroker

sys.path.insert(0, str(Path(__file__).parents[1]))
from events import events

PARTITIONS = 4
_DIFFERENT = 1_000
_OWN = re.compile(rb'"call_id":"[^"]*"|"producer_id":"[^"]*","seq":\d+|"started_at":"[^"]*"')


def many(count: int, start: datetime, per_second: float, producer: str, texts: bool) -> Iterator[bytes]:
    """`count` events of one producer, `per_second` of them a second from `start`."""
    patterns = [_OWN.split(event) for event in events(_DIFFERENT, start, per_second, texts=texts)]
    for number in range(count):
        at = start + timedelta(seconds=number / per_second)
        call_id = uuid7(int(at.timestamp() * 1000))
        own = (
            f'"call_id":"{call_id}"',
            f'"producer_id":"{producer}","seq":{number + 1}',
            f'"started_at":"{at:%Y-%m-%dT%H:%M:%S.%f}Z"',
        )
        head, one, two, tail = patterns[number % _DIFFERENT]
        yield b"".join((head, own[0].encode(), one, own[1].encode(), two, own[2].encode(), tail))


def fill(broker: KafkaBroker, topic: str, count: int, start: datetime, per_second: float, texts: bool) -> int:
    """Fill the topic with the events of one producer, which then closes; returns the mean size of an event in bytes."""
    broker.create_topic(topic, partitions=PARTITIONS)
    sender = KafkaProducer(
        bootstrap_servers=broker.bootstrap, compression_type="zstd", linger_ms=50, batch_size=2**18, acks="all"
    )
    producer, size = uuid7(), 0
    for number, body in enumerate(many(count, start, per_second, producer, texts)):
        sender.send(topic, body, partition=number // 500 % PARTITIONS)
        size += len(body)
    end = start + timedelta(seconds=count / per_second)
    closed = ProducerReport(report_id=uuid7(), producer_id=producer, reported_at=end, emitted=count, closed=True)
    sender.send(topic, closed.to_json(), partition=0)
    sender.flush()
    sender.close()
    return size // count
