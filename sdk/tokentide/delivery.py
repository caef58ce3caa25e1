"""From the queue to the far side: what the emitter's worker thread does, without the thread."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from tokentide.backlog import Backlog
from tokentide.call import LLMCall, ProducerReport
from tokentide.identifiers import uuid7
from tokentide.spool import Spool
from tokentide.transports.transport import (
    MAX_BYTES,
    MAX_RECORDS,
    Transport,
    TransportRejected,
    TransportUnavailable,
)
from tokentide.version import VERSION

SEND_TIMEOUT_S: Final = 10.0
SLOW_S: Final = 0.1
READING_S: Final = 0.1
REPORT_EVERY_S: Final = 10.0
LOOK_AT_SPOOL_EVERY_S: Final = 10.0
LONGEST_PAUSE_S: Final = 30.0

_logger = logging.getLogger("tokentide")
_said: set[str] = set()

Read: TypeAlias = Callable[[Any, str, int], LLMCall]


def pause_s(failures: int, jitter: float) -> float:
    """How long to leave the far side alone after so many failures in a row: 0.5 s doubling to 30 s, times 0.5 to 1.

    `jitter` is a random number from 0 to 1: it keeps the processes of a fleet from coming back all at once.
    """
    return float(min(LONGEST_PAUSE_S, 0.5 * 2 ** min(failures - 1, 10)) * (0.5 + 0.5 * jitter))


class Delivery:
    """The events of one producer. `step` and `finish` are for the worker thread, `take_over` for one that ends it.

    The lock is held while records change hands and let go during a send. So `take_over` finds every record in the
    queue, in hand or in the spool, however long the far side keeps the worker waiting. What can neither be sent nor
    spooled stays in hand, and the queue fills up.
    """

    def __init__(
        self,
        queue: Backlog,
        transport: Transport,
        spool: Spool,
        read: Read,
        *,
        app: str,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self.producer_id = uuid7()
        self.hook_errors = 0
        self.taken_over = False
        self._queue, self._transport, self._spool, self._read = queue, transport, spool, read
        self._app, self._clock, self._now, self._jitter = app, clock, now, jitter
        self._lock = threading.Lock()
        self._in_hand: list[bytes] = []
        self._taken = self._emitted = 0
        self._lost: Counter[str] = Counter()
        self._failures = 0
        self._slow = False
        self._resume_at = self._look_at_spool_at = -math.inf
        self._report_at = clock() + REPORT_EVERY_S
        self._reported = self._standing()
        self._mark = f'"producer_id":"{self.producer_id}"'.encode()

    def step(self, timeout_s: float = SEND_TIMEOUT_S) -> bool:
        """Deliver one batch of the queue and one of the spool; whether another batch is waiting already."""
        self._make_room()
        with self._lock:
            self._take()
            if self._clock() >= self._report_at and self.has_news() and len(self._in_hand) < MAX_RECORDS:
                self._in_hand.append(self._report(closed=False))
        self._deliver(timeout_s)
        return self._replay(timeout_s) or (not self._in_hand and len(self._queue) >= MAX_RECORDS)

    def finish(self, deadline: float, *, closed: bool) -> bool:
        """Deliver or spool what is queued now, and a report; whether all of it was kept.

        Nothing is sent after `deadline`, an instant of the clock: the rest goes to the spool.
        """
        lost, last = self._lost.total(), self._taken + len(self._queue)
        while self._queue and self._taken < last and not self.taken_over:
            with self._lock:
                self._take()
            self._deliver(deadline - self._clock())
            with self._lock:
                if self._in_hand and not closed:
                    return False
                self._give_up_hand()
        with self._lock:
            if len(self._in_hand) < MAX_RECORDS:
                self._in_hand.append(self._report(closed))
        self._deliver(deadline - self._clock())
        return self._lost.total() == lost and not self._in_hand

    def take_over(self, timeout_s: float) -> None:
        """Spool everything that is not acknowledged and keep the worker from doing more: the producer's last act.

        What cannot be read in time is counted as dropped.
        """
        give_up = self._clock() + timeout_s
        if not self._lock.acquire(timeout=timeout_s):
            return
        try:
            self._keep_hand()
            while self._queue:
                self._give_up_hand()
                if self._clock() < give_up:
                    self._take()
                    self._keep_hand()
                else:
                    self._pass_by()
            self._give_up_hand()
            self._in_hand.append(self._report(closed=True))
            self._keep_hand()
            self.taken_over = True
            self._spool.close()
        finally:
            self._lock.release()

    def has_news(self) -> bool:
        """Whether the counts have changed since the last report."""
        return self._reported != self._standing()

    def close(self) -> None:
        """Give up the connection and the files."""
        self._transport.close()
        self._spool.close()

    def forget(self) -> None:
        """Give up what a forked child has inherited; the parent's connection and files stay as they are."""
        self._transport.forget()
        with contextlib.suppress(OSError):
            self._spool.close()

    def _take(self) -> None:
        """Read events of the queue into the hand, one batch at most. The caller holds the lock."""
        size, give_up = 0, self._clock() + READING_S
        most = 0 if self._in_hand or self.taken_over else MAX_RECORDS - 1  # one place is for a report
        while self._queue and len(self._in_hand) < most and size < MAX_BYTES:
            seq, attempt = self._queue.take()
            self._emitted = max(self._emitted, seq)
            if attempt is None:
                continue
            self._taken += 1
            try:
                record = self._read(attempt, self.producer_id, seq).to_json()
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one attempt, the next one is read
                self._lost["unreadable"] += 1
                self._warn("unreadable", f"a call could not be read and is counted as dropped: {error!r}")
            else:
                self._in_hand.append(record)
                size += len(record)
            if self._clock() >= give_up:
                return

    def _pass_by(self) -> None:
        """Count what is left in the queue as dropped: the process ends before it can be read."""
        while self._queue:
            seq, attempt = self._queue.take()
            self._emitted = max(self._emitted, seq)
            if attempt is not None:
                self._taken += 1
                self._lost["exit"] += 1

    def _make_room(self) -> None:
        """Spool the queue when a far side that takes long lets it fill up: the disk is quicker."""
        if self._slow and self._queue.more_than_half_full():
            while self._queue and not (self._in_hand or self.taken_over):
                with self._lock:
                    self._take()
                    self._keep_hand()

    def _deliver(self, timeout_s: float) -> None:
        """Send what is in hand, spool what could not be sent."""
        if not self._in_hand:
            return
        left = self._send(self._in_hand, timeout_s)
        with self._lock:
            if not self.taken_over:
                self._in_hand = left
                self._keep_hand()

    def _replay(self, timeout_s: float) -> bool:
        """Send one batch of the spool; whether it arrived, so that the next one may follow."""
        if self._clock() < max(self._resume_at, self._look_at_spool_at):
            return False
        with self._lock:
            batch = [] if self.taken_over else self._spool.batch(MAX_RECORDS, MAX_BYTES)
        if not batch:
            self._look_at_spool_at = self._clock() + LOOK_AT_SPOOL_EVERY_S
            return False
        too_old = self._spool.too_old()
        left = [] if too_old else self._send(batch, timeout_s)
        with self._lock:
            if not self.taken_over:
                if too_old:
                    self._drop("expired", batch, "calls are dropped: they were in the spool folder for too long")
                self._spool.acknowledge(len(batch) - len(left))
        return not left

    def _send(self, records: list[bytes], timeout_s: float) -> list[bytes]:
        """Send the records; returns those at the end that the far side did not take and that must be kept."""
        parts = [records]
        while parts and timeout_s > 0 and self._clock() >= self._resume_at:
            part, started = parts.pop(), self._clock()
            try:
                self._transport.send(part, timeout_s)
            except TransportRejected as refusal:
                if len(part) == 1:
                    self._drop("rejected", part, f"the far side refused a call for good: {refusal}")
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
            except Exception as error:  # noqa: BLE001  # a transport that fails in a way of its own is away, too
                parts.append(part)
                self._rest(error)
            else:
                self._failures = 0
            self._slow = self._clock() - started > SLOW_S
        return [record for part in reversed(parts) for record in part]

    def _rest(self, error: Exception) -> None:
        self._failures += 1
        asked = error.retry_after_s if isinstance(error, TransportUnavailable) else None
        self._resume_at = self._clock() + max(asked or 0.0, pause_s(self._failures, self._jitter()))
        self._warn("unavailable", f"calls are kept on disk for now: {error}")

    def _keep_hand(self) -> None:
        """Move what is in hand to the spool, as far as it takes it. The caller holds the lock."""
        kept = self._spool.append(self._in_hand) if self._in_hand else 0
        if kept:
            self._in_hand = self._in_hand[kept:]
            self._look_at_spool_at = -math.inf
        if self._in_hand:
            self._warn("spool_full", "calls wait in memory: the spool folder is full or cannot be written")

    def _give_up_hand(self) -> None:
        """Drop what could neither be sent nor spooled."""
        if self._in_hand:
            records, self._in_hand = self._in_hand, []
            self._drop("spool_full", records, "calls are dropped: there is no time and no place on disk for them")

    def _drop(self, reason: str, records: Sequence[bytes], message: str) -> None:
        # Reports are no events, and the events of others that the spool held are not of this producer's account.
        self._lost[reason] += sum(self._mark in each and not each.startswith(b'{"report_id"') for each in records)
        self._warn(reason, message)

    def _report(self, closed: bool) -> bytes:
        self._reported = self._standing()
        self._report_at = self._clock() + REPORT_EVERY_S
        emitted, dropped, hook_errors = self._reported
        return ProducerReport(
            report_id=uuid7(),
            producer_id=self.producer_id,
            reported_at=self._now(),
            emitted=emitted,
            dropped=dropped,
            hook_errors=hook_errors,
            closed=closed,
            app=self._app,
            sdk_version=VERSION,
        ).to_json()

    def _standing(self) -> tuple[int, dict[str, int], int]:
        # A number that was given out and never came through the queue fell out of it.
        counts = {**self._lost, "overflow": self._emitted - self._taken, "spool_damaged": self._spool.damaged}
        return self._emitted, {reason: count for reason, count in counts.items() if count > 0}, self.hook_errors

    def _warn(self, kind: str, message: str) -> None:
        if kind not in _said:
            _said.add(kind)
            _logger.warning("%s (said once)", message)
