"""A collector pipeline on a thread, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from conftest import NOW
from prometheus_client import CollectorRegistry
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.price_book.resolve import Resolver
from collector.record import Source
from collector.rollup import RollUp
from store.connection import Store


def decoder(max_bytes: int = 100_000) -> Decoder:
    """A decoder for events of about NOW."""
    return Decoder(Resolver(), VERSION, max_bytes, timedelta(days=30), timedelta(minutes=10))


@contextmanager
def running_pipeline(
    source: Source,
    store: Store,
    clock: Callable[[], datetime] = lambda: NOW,
    max_bytes: int = 100_000,
    registry: CollectorRegistry | None = None,
    **more: Any,
) -> Iterator[RollUp]:
    """Carries the records of `source` into `store` until the block ends; an error of the loop is raised then.

    `registry` is where its metrics are, `more` are further fields of the pipeline.
    """
    roll_up, metrics = RollUp(store), Metrics(registry or CollectorRegistry())
    pipeline = Pipeline(source, decoder(max_bytes), store, roll_up, metrics, clock, **more)
    stop = threading.Event()
    errors: list[Exception] = []

    def run() -> None:
        try:
            pipeline.run(stop)
        except Exception as error:  # noqa: BLE001  (raised again on the test's thread)
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield roll_up
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Poll until `condition` holds. Raises AssertionError when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
