"""How long it takes until an event is in the reports, while a thousand others come every second."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import httpx
from events import events
from kafka import KafkaProducer
from process import Running, program

from server.kafka_broker import KafkaBroker

RATE = 1_000
BATCH = 100
PROBES = 20
# Long enough for a whole minute to be there, which the roll-up has to read again and again.
WARM_UP_S = 60.0


def slowest_visible_s(broker: KafkaBroker, folder: Path) -> float:
    """The longest of some probes, in seconds."""
    folder.mkdir()
    broker.create_topic("visible", partitions=4)
    settings = {
        "collector__sources": '["kafka"]',
        "collector__kafka_bootstrap": broker.bootstrap,
        "collector__kafka_topic": "visible",
    }
    stop = threading.Event()
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap, compression_type="zstd", linger_ms=5)
    load = threading.Thread(target=_send, args=(sender, stop))
    with program("up", folder, **settings) as running:
        load.start()
        try:
            time.sleep(WARM_UP_S)
            waits = [_probe(running, sender, number) for number in range(PROBES)]
        finally:
            stop.set()
            load.join()
            sender.close()
    return round(max(waits), 2)


def _send(sender: KafkaProducer, stop: threading.Event) -> None:
    begin, sent = time.monotonic(), 0
    source = events(10**9, datetime.now(timezone.utc), RATE)
    while not stop.is_set():
        time.sleep(max(0.0, begin + sent / RATE - time.monotonic()))
        for _ in range(BATCH):
            sender.send("visible", next(source))
        sent += BATCH


def _probe(running: Running, sender: KafkaProducer, number: int) -> float:
    """Hand in one event of a team of its own and ask for the report until that team is in it."""
    (event,) = events(1, datetime.now(timezone.utc), 1, seed=1_000 + number)
    team = f"probe-{number}"
    sender.send("visible", event.replace(b'"team-0"', f'"{team}"'.encode())).get(timeout=30)
    begin = time.monotonic()
    with httpx.Client(base_url=running.address, timeout=60) as client:
        while True:
            answer = client.get("/api/report/cost", params={"by": "team", "last": "1h"}).raise_for_status()
            if any(row[0] == team for row in answer.json()["rows"]):
                return time.monotonic() - begin
            if time.monotonic() - begin > 60:
                raise SystemExit(f"{team} is not in the report after a minute")
            time.sleep(0.05)
