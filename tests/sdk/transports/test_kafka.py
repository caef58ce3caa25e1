from __future__ import annotations

import importlib.util
import itertools
import logging
import os
from pathlib import Path

import pytest
from emitted import call_ids, eventually, files, last_report, read
from kafka import KafkaConsumer, KafkaProducer
from tokentide.config import SettingsError, load
from tokentide.emitter import Emitter
from tokentide.transports import open_transport
from tokentide.transports.kafka import LARGEST_RECORD, KafkaTransport
from tokentide.transports.transport import TransportRejected, TransportUnavailable

from server.kafka_broker import KafkaBroker


def transport_to(bootstrap: str, topic: str) -> KafkaTransport:
    return KafkaTransport(load({}, transport="kafka", kafka_bootstrap=bootstrap, kafka_topic=topic))


def record(producer: str, number: int) -> bytes:
    return read(f"call-{number}", producer, number).to_json()


def test_a_producers_records_share_their_key_and_so_their_partition(kafka: KafkaBroker, topic: str) -> None:
    transport = transport_to(kafka.bootstrap, topic)
    producers = [f"producer-{number}" for number in range(8)]
    transport.send([record(producer, number) for number in range(5) for producer in producers], 30)
    transport.close()
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    messages = [next(consumer) for _ in range(40)]
    consumer.close()
    assert {message.key.decode() for message in messages} == set(producers)
    assert len({(message.key, message.partition) for message in messages}) == 8
    assert len({message.partition for message in messages}) == 2


def test_a_record_larger_than_a_broker_takes_is_rejected_before_anything_is_sent(
    kafka: KafkaBroker, topic: str
) -> None:
    transport = transport_to(kafka.bootstrap, topic)
    with pytest.raises(TransportRejected, match="larger than"):
        transport.send([record("p", 1), b"x" * (LARGEST_RECORD + 1)], 30)
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    assert consumer.poll(500) == {}
    consumer.close()


def test_a_topic_that_is_not_there_is_unavailable(kafka: KafkaBroker) -> None:
    with pytest.raises(TransportUnavailable, match="Kafka at 127"):
        transport_to(kafka.bootstrap, "nobody-made-this").send([b"{}"], 5)


def test_records_go_on_after_the_broker_was_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with KafkaBroker(tmp_path) as broker, caplog.at_level(logging.INFO):
        broker.create_topic("calls")
        caplog.clear()
        transport = transport_to(broker.bootstrap, "calls")
        transport.send([record("p", 1)], 30)
        broker.kill()
        for _ in range(2):
            with pytest.raises(TransportUnavailable):
                transport.send([record("p", 2)], 2)
        broker.start()
        transport.send([record("p", 3)], 30)
        transport.close()
        ours = [each.threadName for each in caplog.records if each.name.startswith("kafka")]
        assert [name for name in ours if name != "MainThread"] == []
        consumer = KafkaConsumer("calls", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        assert [next(consumer).value for _ in range(2)] == [record("p", 1), record("p", 3)]
        consumer.close()


def test_events_emitted_while_the_broker_was_away_arrive_once_it_is_back(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka") as broker:
        broker.create_topic("calls")
        settings = load(
            {}, transport="kafka", kafka_bootstrap=broker.bootstrap, kafka_topic="calls", spool_dir=tmp_path / "spool"
        )
        emitter = Emitter(settings, open_transport(settings), read)
        emitter.emit("before")
        assert emitter.flush(30)
        broker.kill()
        for number in range(500):
            emitter.emit(str(number))
        assert emitter.flush(30)
        broker.start()
        emitter.emit("after")
        assert emitter.flush(30)
        eventually(lambda: files(tmp_path / "spool") == [], 60)
        emitter.close()
        consumer = KafkaConsumer("calls", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        records = [message.value for message in itertools.islice(consumer, 505)]
        consumer.close()
    assert sorted(call_ids(records)) == sorted(["before", "after", *map(str, range(500))])
    assert last_report(records)["dropped"] == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_leaves_the_parents_connection_alone(kafka: KafkaBroker, topic: str) -> None:
    transport = transport_to(kafka.bootstrap, topic)
    transport.send([record("parent", 1)], 30)
    child = os.fork()
    if child == 0:
        transport.forget()
        transport.send([record("child", 1)], 30)
        transport.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    transport.send([record("parent", 2)], 30)
    transport.close()


def test_the_apps_own_kafka_clients_log_as_before(kafka: KafkaBroker, caplog: pytest.LogCaptureFixture) -> None:
    transport = transport_to(kafka.bootstrap, "whatever")
    with pytest.raises(TransportUnavailable):
        transport.send([b"{}"], 1)
    with caplog.at_level(logging.INFO, "kafka"):
        KafkaProducer(bootstrap_servers=kafka.bootstrap).close()
    assert any(record.name.startswith("kafka") for record in caplog.records)


def test_without_its_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs kafka and zstandard: pip install 'tokentide\[kafka\]'"):
        open_transport(load({}, transport="kafka"))
