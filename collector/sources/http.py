"""The HTTP intake: events in the body of a request that is answered only after the insert was acknowledged."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from collector.config import CollectorConfig
from collector.record import Chunk, Outcome, Record

# What a record takes in memory beside its bytes, about: many small ones must not pass for little.
_RECORD_BYTES = 200


class IntakeFull(Exception):
    """More bytes arrive or wait for the store than the intake may hold: try again later."""


class IntakeClosed(Exception):
    """The program is stopping: try again later, elsewhere or here."""


@dataclass(frozen=True, slots=True)
class _Submission:
    records: list[Record]
    size: int
    outcome: Future[Outcome]
    handed_in: float


class Room:
    """What one request takes of the intake's bytes: its body while it arrives, then its events until they are safe."""

    def __init__(self, intake: HttpIntake) -> None:
        self._intake = intake
        self.size = 0

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *exception: object) -> None:
        self._intake.resize(self, 0)

    def moved(self) -> Room:
        """Another room with what this one held, which is empty now."""
        other = Room(self._intake)
        other.size, self.size = self.size, 0
        return other

    def hold(self, size: int) -> None:
        """Take `size` bytes in all. Raises IntakeFull when the other requests leave too few."""
        self._intake.resize(self, size)


class HttpIntake:
    """A `Source` fed by request handlers; requests that arrive together are stored together."""

    name = "http"

    def __init__(self, config: CollectorConfig, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._most_records = config.batch_rows
        self._most_bytes = config.batch_bytes
        self._most_bytes_waiting = config.intake_queue_bytes
        self._queue: queue.SimpleQueue[_Submission] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._waiting_records = 0
        self._unanswered: set[Future[Outcome]] = set()
        self._received = 0
        self._closed = False

    def room(self) -> Room:
        """The room of a request that arrives; free again at the end of its `with`."""
        return Room(self)

    def resize(self, room: Room, size: int) -> None:
        """See `Room.hold`."""
        with self._lock:
            self._resize(room, size)

    def submit(self, events: Sequence[bytes], place: str = name, room: Room | None = None) -> Future[Outcome]:
        """Hand in the events of one request, which take over its `room`; the future ends when all of them are safe.

        Raises IntakeFull, IntakeClosed. The future raises IntakeClosed when the program stops before they are safe.
        """
        room = room or Room(self)
        size = sum(map(len, events)) + _RECORD_BYTES * len(events)
        with self._lock:
            if self._closed:
                raise IntakeClosed
            self._resize(room, size)
            held = room.moved()
            first = self._received
            self._received += len(events)
            submission = _Submission(
                [Record(place, first + n, event) for n, event in enumerate(events)], size, Future(), self._now()
            )
            # Running: a caller that gives up cannot cancel it, for its records are stored all the same.
            submission.outcome.set_running_or_notify_cancel()
            self._unanswered.add(submission.outcome)
            submission.outcome.add_done_callback(lambda outcome: self._release(outcome, held))
            self._waiting_records += len(events)
            self._queue.put(submission)
        return submission.outcome

    def read(self) -> Chunk | None:
        """The records of all requests that wait now, up to the batch size: the last one may go beyond it."""
        try:
            submissions = [self._queue.get(timeout=1.0)]
        except queue.Empty:
            return None
        records, size = list(submissions[0].records), submissions[0].size
        while len(records) < self._most_records and size < self._most_bytes:
            try:
                submissions.append(self._queue.get_nowait())
            except queue.Empty:
                break
            records += submissions[-1].records
            size += submissions[-1].size
        with self._lock:
            self._waiting_records -= len(records)
        return Chunk(records, lambda outcome: _answer(submissions, outcome), submissions[0].handed_in)

    def waiting(self) -> int:
        """The events of the requests that wait."""
        return self._waiting_records

    def away_s(self) -> float:
        """Requests come by themselves: nothing can be away."""
        return 0.0

    def away_reason(self) -> str:
        """Never any."""
        return ""

    def unknown_s(self) -> float:
        """What waits is always known."""
        return 0.0

    def waiting_bytes(self) -> int:
        """The bytes of requests that arrive or wait."""
        return self._waiting_bytes

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

    def _resize(self, room: Room, size: int) -> None:
        others = self._waiting_bytes - room.size
        # One request alone is never too much: its size has limits of its own.
        if size > room.size and others and others + size > self._most_bytes_waiting:
            raise IntakeFull
        self._waiting_bytes = others + size
        room.size = size

    def _release(self, outcome: Future[Outcome], held: Room) -> None:
        with self._lock:
            self._resize(held, 0)
            self._unanswered.remove(outcome)


def _answer(submissions: list[_Submission], outcome: Outcome) -> None:
    refused = {dead.record.offset: dead for dead in outcome.refused}
    for submission in submissions:
        own = [refused[record.offset] for record in submission.records if record.offset in refused]
        submission.outcome.set_result(Outcome(len(submission.records) - len(own), own))
