"""The loop: read → decode → write → acknowledge. The next chunk is read and decoded while the last one is written."""

from __future__ import annotations

import logging
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass
from datetime import datetime

from collector.decode import Decoder
from collector.metrics import Metrics
from collector.record import Batch, Chunk, Source
from collector.rollup import RollUp
from collector.write import Stopped, Writer
from store.connection import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that carries the records of one source into the store."""

    source: Source
    decoder: Decoder
    store: Store
    roll_up: RollUp
    metrics: Metrics
    clock: Callable[[], datetime]

    def run(self, stop: threading.Event) -> None:
        """Carry records until `stop` is set; then finish the chunk in hand and close the source.

        Any other trouble than an unreachable store ends the program: it must be seen, not skipped.
        """
        writer = Writer(self.store, self.source.name, uuid.uuid4().hex, stop.wait, random.random)
        pending: Future[None] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix=f"write-{self.source.name}") as executor:
            try:
                while not stop.is_set():
                    chunk = self.source.read()
                    batch = self.decoder.decode(chunk.records, self.clock()) if chunk else None
                    if pending is not None and (batch or pending.done()):
                        self._settle(pending)
                        pending = None
                    if chunk and batch:
                        pending = executor.submit(self._write, writer, chunk, batch)
                if pending is not None:
                    self._settle(pending)
            except Stopped:
                log.info("stopped while the store was away; unacknowledged records will be delivered again")
            finally:
                self.source.close()

    def _write(self, writer: Writer, chunk: Chunk, batch: Batch) -> None:
        with self.metrics.insert_seconds.labels(self.source.name).time():
            outcome = writer.write(batch, self.clock())
        self.roll_up.touch(batch.minutes)
        self.metrics.stored.labels(self.source.name).inc(outcome.stored)
        for dead in outcome.refused:
            self.metrics.dead_letters.labels(self.source.name, dead.reason).inc()
        chunk.acknowledge(outcome)

    def _settle(self, pending: Future[None]) -> None:
        while True:
            try:
                return pending.result(timeout=1.0)
            except StillRunning:
                if pending.done():
                    raise
                self.source.idle()
