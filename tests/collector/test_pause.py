"""The pipeline while nearly everything fails: nothing is acknowledged and nothing becomes a dead letter."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from conftest import NOW
from events import a_call
from prometheus_client import CollectorRegistry
from running_pipeline import wait_until
from tokentide.version import VERSION

from collector.brake import Brake
from collector.decode import Decoder
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.price_book.resolve import Resolver
from collector.record import Chunk, Outcome, Record
from collector.rollup import RollUp
from collector.setbacks import Setbacks
from store.connection import Store
from store.sql import parse

COUNTS = parse("c", "-- counts\nSELECT (SELECT count() FROM llm_calls FINAL), count() FROM dead_letters FINAL")


@dataclass
class Scripted:
    """A source of these chunks, which says what happens to it."""

    chunks: list[list[bytes]]
    name: str = "kafka"
    outcomes: list[Outcome] = field(default_factory=list)
    idles: int = 0
    closed: bool = False
    reason: str = ""

    def read(self) -> Chunk | None:
        if not self.chunks:
            return None
        records = [Record("calls/0", offset, body) for offset, body in enumerate(self.chunks.pop(0))]
        return Chunk(records, self.outcomes.append)

    def waiting(self) -> int:
        return 0

    def away_s(self) -> float:
        return 0.0

    def unknown_s(self) -> float:
        return 0.0

    def away_reason(self) -> str:
        return self.reason

    def idle(self) -> None:
        self.idles += 1

    def close(self) -> None:
        self.closed = True


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def running(
    source: Scripted, store: Store, brake: Brake, clock: Clock, setbacks: Setbacks | None = None
) -> Iterator[tuple[Pipeline, CollectorRegistry]]:
    registry, stop = CollectorRegistry(), threading.Event()
    decoder = Decoder(Resolver(), VERSION, 100_000, timedelta(days=30), timedelta(minutes=10))
    pipeline = Pipeline(
        source, decoder, store, RollUp(store), Metrics(registry), clock, brake=brake, setbacks=setbacks or Setbacks()
    )
    thread = threading.Thread(target=pipeline.run, args=(stop,))
    thread.start()
    try:
        yield pipeline, registry
    finally:
        stop.set()
        thread.join()


def paused(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("tokentide_collector_paused", {"source": "kafka"})


def test_nothing_is_given_up_and_a_stop_leaves_the_chunk_to_be_read_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    source = Scripted([[b"nonsense"] * 20, [b"nonsense"]])
    with running(source, store, Brake(0.9, 10, first_wait_s=0.01), Clock()) as (pipeline, registry):
        wait_until(lambda: source.idles > 0 and caplog.text.count("kafka is paused") >= 3)
        assert "20 of 20 records cannot become rows, 20 of them are malformed_json" in pipeline.paused_reason
        assert paused(registry) == 1
    assert (source.outcomes, source.closed, store.query(COUNTS).rows) == ([], True, [(0, 0)])


def test_the_same_chunk_goes_on_once_it_can_be_read(store: Store) -> None:
    late = [a_call(seq=n, started_at=NOW + timedelta(hours=1)).to_json() for n in range(20)]
    source, clock = Scripted([[*late, b"nonsense"]]), Clock()
    with running(source, store, Brake(0.9, 10, first_wait_s=0.01), clock) as (pipeline, registry):
        wait_until(lambda: bool(pipeline.paused_reason))
        clock.now += timedelta(hours=1)
        wait_until(lambda: bool(source.outcomes))
        assert (pipeline.paused_reason, paused(registry)) == ("", 0)
    assert [(outcome.stored, len(outcome.refused)) for outcome in source.outcomes] == [(20, 1)]
    assert store.query(COUNTS).rows == [(20, 1)]


def test_what_the_store_refuses_counts_as_well(store: Store) -> None:
    twice = [a_call(seq=n).to_json()[:-1] + b',"price_key":1}' for n in range(20)]
    source = Scripted([[*twice, a_call(seq=20).to_json()]])
    with running(source, store, Brake(0.9, 10, first_wait_s=0.01), Clock()) as (pipeline, _):
        wait_until(lambda: bool(pipeline.paused_reason))
    assert "refused_by_store" in pipeline.paused_reason
    assert store.query(COUNTS).rows == [(1, 0)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"status": "Anna - at `$.Anna`"}, "are wrong_type, such as calls/0 offset 0 at $.status."),
        ({"attributes": {"Anna": 1}}, "are wrong_type, such as calls/0 offset 0 at $.attributes[...]."),
        ({"provider_reported_cost": 1, "currency": "Anna"}, "are wrong_type, such as calls/0 offset 0."),
        ({"log_place": "Anna", "price_key": "Anna"}, "are refused_by_store, such as calls/0 offset 0."),
    ],
)
def test_nothing_that_a_record_says_is_logged(
    store: Store, caplog: pytest.LogCaptureFixture, change: dict[str, object], named: str
) -> None:
    bodies = [json.dumps({**json.loads(a_call(seq=n).to_json()), **change}).encode() for n in range(20)]
    with running(Scripted([bodies]), store, Brake(0.9, 10, first_wait_s=0.01), Clock()) as (pipeline, _):
        wait_until(lambda: "kafka is paused" in caplog.text)
        assert named in pipeline.paused_reason
    assert "Anna" not in pipeline.paused_reason + caplog.text


def test_below_the_limit_or_with_the_override_the_bad_records_become_dead_letters(store: Store) -> None:
    for brake, bodies in ((Brake(0.9, 10), 8), (Brake(1.0, 10), 20)):
        source = Scripted([[f"nonsense {bodies} {n}".encode() for n in range(bodies)]])
        with running(source, store, brake, Clock()):
            wait_until(lambda source=source: bool(source.outcomes))  # type: ignore[misc]  # bound in this round
    assert store.query(COUNTS).rows == [(0, 28)]


def test_a_source_that_is_away_keeps_the_pipeline_from_its_work_until_it_is_back(store: Store) -> None:
    source = Scripted([], reason="no Kafka broker has answered for 75 s: start it")
    with running(source, store, Brake(1.0), Clock()) as (pipeline, _):
        assert pipeline.paused_reason == source.reason
        source.reason = ""
        assert pipeline.paused_reason == ""


def test_a_store_that_answers_and_takes_nothing_is_told_until_it_takes_something(store: Store) -> None:
    store.execute(parse("away", "-- no table\nRENAME TABLE ingest TO ingest_away"))
    source = Scripted([[a_call(prompt="Anna").to_json()]])
    with running(source, store, Brake(1.0), Clock(), Setbacks(patience=2)) as (pipeline, _):
        wait_until(lambda: bool(pipeline.paused_reason))
        assert "tries in a row: the log says why" in pipeline.paused_reason
        assert "Anna" not in pipeline.paused_reason
        store.execute(parse("back", "-- the table\nRENAME TABLE ingest_away TO ingest"))
        wait_until(lambda: bool(source.outcomes))
        assert pipeline.paused_reason == ""
    assert store.query(COUNTS).rows == [(1, 0)]
