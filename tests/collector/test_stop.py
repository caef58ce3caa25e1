from __future__ import annotations

import threading

from conftest import NOW
from events import a_call
from prometheus_client import CollectorRegistry
from running_pipeline import decoder

from collector.config import CollectorConfig
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.record import Chunk
from collector.rollup import RollUp
from collector.sources.http import HttpIntake
from store.connection import Store
from store.sql import parse

ROLLED_UP = parse("rolled_up", "-- all minutes\nSELECT sum(attempts) FROM call_minutes FINAL")


def test_what_is_in_hand_at_a_stop_is_rolled_up_as_well(store: Store) -> None:
    stop, roll_up = threading.Event(), RollUp(store)
    rolling = threading.Thread(target=roll_up.run, args=(stop, 60.0))

    class StoppedMeanwhile(HttpIntake):
        def read(self) -> Chunk | None:
            stop.set()
            rolling.join(0.5)  # it must not end before this chunk is stored
            return super().read()

    intake = StoppedMeanwhile(CollectorConfig())
    intake.submit([a_call().to_json()])
    pipeline = Pipeline(intake, decoder(), store, roll_up, Metrics(CollectorRegistry()), lambda: NOW)
    rolling.start()
    pipeline.run(stop)
    rolling.join()
    assert store.query(ROLLED_UP).scalar() == 1
