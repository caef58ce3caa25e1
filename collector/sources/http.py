"""The HTTP intake: events in the body of a request that is answered only after the insert was acknowledged."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from collector.config import CollectorConfig
from collector.record import Chunk, Outcome, Record


class IntakeFull(Exception):
    """More records wait for the store than the intake may hold: try again later."""


class IntakeClosed(Exception):
    """The program is stopping: try again later, elsewhere or here."""


@dataclass(frozen=True, slots=True)
class _Submission:
    records: list[Record]
    outcome: Future[Outcome]


class HttpIntake:
    """A `Source` fed by request handlers; requests that arrive together are stored together."""

    name = "http"

    def __init__(self, config: CollectorConfig) -> None:
        self._most_records = config.batch_rows
        self._most_bytes = config.intake_queue_bytes
        self._queue: queue.SimpleQueue[_Submission] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._unanswered: set[Future[Outcome]] = set()
        self._received = 0
        self._closed = False

    def submit(self, events: Sequence[bytes], place: str = name) -> Future[Outcome]:
        """Hand in the events of one request; the future ends when all of them are safe.

        Raises IntakeFull, IntakeClosed. The future raises IntakeClosed when the program stops before they are safe.
        """
        size = sum(map(len, events))
        with self._lock:
            if self._closed:
                raise IntakeClosed
            if self._waiting_bytes and self._waiting_bytes + size > self._most_bytes:
                raise IntakeFull
            self._waiting_bytes += size
            first = self._received
            self._received += len(events)
            submission = _Submission([Record(place, first + n, event) for n, event in enumerate(events)], Future())
            # Running: a caller that gives up cannot cancel it, for its records are stored all the same.
            submission.outcome.set_running_or_notify_cancel()
            self._unanswered.add(submission.outcome)
            submission.outcome.add_done_callback(lambda outcome: self._release(outcome, size))
            self._queue.put(submission)
        return submission.outcome

    def read(self) -> Chunk | None:
        """The records of all requests that wait now, up to the batch size."""
        try:
            submissions = [self._queue.get(timeout=1.0)]
        except queue.Empty:
            return None
        records = list(submissions[0].records)
        while len(records) < self._most_records:
            try:
                submissions.append(self._queue.get_nowait())
            except queue.Empty:
                break
            records += submissions[-1].records
        return Chunk(records, lambda outcome: _answer(submissions, outcome))

    def idle(self) -> None:
        """Requests wait by themselves; there is nothing to keep alive."""

    def close(self) -> None:
        """Refuse new requests and end with IntakeClosed those whose records are not safe."""
        with self._lock:
            self._closed = True
            unanswered = list(self._unanswered)
        for outcome in unanswered:
            if not outcome.done():
                outcome.set_exception(IntakeClosed())

    def _release(self, outcome: Future[Outcome], size: int) -> None:
        with self._lock:
            self._waiting_bytes -= size
            self._unanswered.remove(outcome)


def _answer(submissions: list[_Submission], outcome: Outcome) -> None:
    refused = {dead.record.offset: dead for dead in outcome.refused}
    for submission in submissions:
        own = [refused[record.offset] for record in submission.records if record.offset in refused]
        submission.outcome.set_result(Outcome(len(submission.records) - len(own), own))
