"""Events a second from a real Kafka broker to the acknowledged insert, roll-ups included, all on this machine.

The ratio compares with reading the same topic and doing nothing, in the same run.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from events import events
from kafka import KafkaConsumer, KafkaProducer
from prometheus_client import CollectorRegistry
from tokentide.version import VERSION

from collector.config import CollectorConfig
from collector.decode import Decoder
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.price_book.book import seed_prices
from collector.price_book.resolve import Resolver
from collector.rollup import RollUp
from collector.sources.kafka import KafkaSource
from server.kafka_broker import KafkaBroker
from store.connection import Store, open_store
from store.migrate import migrate
from store.sql import parse

PARTITIONS = 4
STORED = parse("stored", "-- rows of facts\nSELECT count() FROM llm_calls")


def now() -> datetime:
    return datetime.now(timezone.utc)


def produce(broker: KafkaBroker, topic: str, count: int) -> int:
    """Fill the topic; returns the mean size of an event in bytes."""
    broker.create_topic(topic, partitions=PARTITIONS)
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap, compression_type="zstd", linger_ms=50, batch_size=2**18, acks="all"
    )
    size = 0
    for number, body in enumerate(events(count, now() - timedelta(seconds=count / 5_000), 5_000)):
        producer.send(topic, body, partition=number // 500 % PARTITIONS)
        size += len(body)
    producer.flush()
    producer.close()
    return size // count


def only_read(broker: KafkaBroker, topic: str, count: int) -> float:
    """Seconds to read the whole topic without doing anything with it."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", max_poll_records=10_000
    )
    seen, start = 0, 0.0
    while seen < count:
        found = sum(len(messages) for messages in consumer.poll(timeout_ms=1000, max_records=10_000).values())
        start = start or time.monotonic()
        seen += found
    consumer.close()
    return time.monotonic() - start


def collect(broker: KafkaBroker, topic: str, count: int, store: Store) -> float:
    """Seconds from the first insert to the last acknowledged one, with the roll-up running beside it."""
    config = CollectorConfig(kafka_bootstrap=broker.bootstrap, kafka_topic=topic)
    decoder = Decoder(Resolver(), VERSION, config.max_record_bytes, timedelta(days=30), timedelta(minutes=10))
    roll_up, stop = RollUp(store), threading.Event()
    pipeline = Pipeline(KafkaSource(config), decoder, store, roll_up, Metrics(CollectorRegistry()), now)
    threads = [
        threading.Thread(target=pipeline.run, args=(stop,)),
        threading.Thread(target=roll_up.run, args=(stop, config.roll_up_every_s)),
    ]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    while store.query(STORED).scalar() < count:
        time.sleep(0.1)
    seconds = time.monotonic() - start
    stop.set()
    for thread in threads:
        thread.join()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    count = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder, KafkaBroker(Path(folder) / "kafka") as broker:
        size = produce(broker, "calls", count)
        reading = only_read(broker, "calls", count)
        store = open_store(f"chdb://{folder}/store", "bench")
        migrate(store, now())
        seed_prices(store, now())
        collecting = collect(broker, "calls", count, store)
        store.close()
    found = {
        "events": count,
        "event_bytes": size,
        "texts_per_s": round(count / collecting),
        "read_only_per_s": round(count / reading),
        "share_of_reading": round(reading / collecting, 3),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
