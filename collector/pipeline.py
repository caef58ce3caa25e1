"""The loop: read → decode → write → acknowledge. The next chunk is read and decoded while the last one is written."""

from __future__ import annotations

import logging
import math
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass, field
from datetime import datetime

from collector.brake import Brake
from collector.dead_letter_topic import DeadLetterTopic
from collector.decode import Decoder
from collector.lag import Lag
from collector.metrics import Metrics
from collector.record import Batch, Chunk, Outcome, Source
from collector.rollup import RollUp
from collector.setbacks import Setbacks
from collector.write import Held, Stopped, Writer
from store.connection import Store

log = logging.getLogger(__name__)
batches = logging.getLogger("collector.batches")  # one line each, shown where logs are for machines


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that carries the records of one source into the store.

    `trouble` says why nothing may be stored now although the store answers, and is empty while all is well.
    """

    source: Source
    decoder: Decoder
    store: Store
    roll_up: RollUp
    metrics: Metrics
    clock: Callable[[], datetime]
    topic: DeadLetterTopic | None = None
    brake: Brake = field(default_factory=lambda: Brake(limit=1.0))
    trouble: Callable[[], str] = lambda: ""
    lag: Lag = field(default_factory=Lag)
    setbacks: Setbacks = field(default_factory=Setbacks)

    @property
    def paused_reason(self) -> str:
        """Why nothing is carried now, even if the store answers; empty while all goes well."""
        return self.brake.paused_reason or self.trouble() or self.setbacks.reason or self.source.away_reason()

    @property
    def lag_s(self) -> float:
        """How long the oldest record may have waited that is not safe: in hand, or where nobody knows what waits."""
        return max(self.lag.seconds(self.clock().timestamp()), self.source.unknown_s())

    @property
    def lag_records(self) -> float:
        """How many records wait to be read; not a number until it is known."""
        waiting = self.source.waiting()
        return math.nan if waiting is None else waiting

    def run(self, stop: threading.Event) -> None:
        """Carry records until `stop` is set; then finish the chunk in hand and close the source.

        Any other trouble than an unreachable store ends the program: it must be seen, not skipped.
        """
        name, number = self.source.name, uuid.uuid4().hex
        writer = Writer(self.store, name, number, stop.wait, random.random, self.topic, self.trouble, self.setbacks)
        self._show_lag()
        pending: Future[None] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix=f"write-{self.source.name}") as executor:
            try:
                with self.roll_up.carrying():
                    while not stop.is_set():
                        chunk = self._read(pending)
                        batch = self.decoder.decode(chunk.records, self.clock()) if chunk else None
                        if pending is not None and (batch or pending.done()):
                            self._settle(pending)
                            pending = None
                        if chunk and batch:
                            pending = executor.submit(self._write, writer, chunk, batch, stop)
                    if pending is not None:
                        self._settle(pending)
            except Stopped:
                log.info("stopped before a chunk was safe; unacknowledged records will be delivered again")
            finally:
                self.source.close()
                if self.topic:
                    self.topic.close()

    def _show_lag(self) -> None:
        """Worked out when it is asked for, so that it is true while this thread waits for the store or for Kafka."""
        name = self.source.name
        self.metrics.lag_records.labels(name).set_function(lambda: self.lag_records)
        self.metrics.lag_seconds.labels(name).set_function(lambda: self.lag_s)
        self.metrics.away_seconds.labels(name).set_function(self.source.away_s)

    def _read(self, pending: Future[None] | None) -> Chunk | None:
        chunk = self.source.read()
        if chunk is None:
            if (pending is None or pending.done()) and not self.source.waiting():
                self.lag.rest()
        elif chunk.handed_in is not None:
            self.lag.hold(chunk.handed_in)
        return chunk

    def _write(self, writer: Writer, chunk: Chunk, batch: Batch, stop: threading.Event) -> None:
        tries = 0
        while (outcome := self._attempt(writer, chunk, batch)) is None:
            tries += 1
            wait_s = self.brake.wait_s(tries)
            log.error("%s is paused, next try in %.0f s: %s", self.source.name, wait_s, self.paused_reason)
            if stop.wait(wait_s):
                raise Stopped
            batch = self.decoder.decode(chunk.records, self.clock())
        self._tell(chunk, batch, outcome)
        chunk.acknowledge(outcome)

    def _tell(self, chunk: Chunk, batch: Batch, outcome: Outcome) -> None:
        name, lag_s = self.source.name, None
        if chunk.handed_in is not None:
            lag_s = round(self.lag.release(chunk.handed_in, self.clock().timestamp()), 3)
        self.metrics.batch_records.labels(name).observe(len(chunk.records))
        self.metrics.stored.labels(name).inc(outcome.stored)
        for dead in outcome.refused:
            self.metrics.dead_letters.labels(name, dead.reason).inc()
        told = {"records": len(chunk.records), "stored": outcome.stored, "dead_letters": len(outcome.refused)}
        batches.info("stored", extra={"source": name, **told, "minutes": len(batch.minutes), "lag_s": lag_s})

    def _attempt(self, writer: Writer, chunk: Chunk, batch: Batch) -> Outcome | None:
        """What became of the chunk; None when the brake holds it."""
        records, name = len(chunk.records), self.source.name
        try:
            with self.metrics.insert_seconds.labels(name).time():
                outcome = writer.write(
                    batch, self.clock(), lambda letters: self.brake.holds(records, letters, self.clock())
                )
        except Held:
            self.metrics.paused.labels(name).set(1)
            return None
        finally:
            self.roll_up.touch(batch.minutes)  # what the store took of a chunk that is held is there already
        self.brake.passed(records, len(outcome.refused), self.clock())
        self.metrics.paused.labels(name).set(0)
        return outcome

    def _settle(self, pending: Future[None]) -> None:
        while True:
            try:
                return pending.result(timeout=1.0)
            except StillRunning:
                if pending.done():
                    raise
                self.source.idle()
