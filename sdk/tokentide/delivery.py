"""From the queue to the far side: what the emitter's worker thread does, without the thread."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from datetime import datetime
from typing import Final

from tokentide.account import Account
from tokentide.backlog import Backlog
from tokentide.hand import Hand, Read
from tokentide.notices import HOOKS_FAILED, Notices
from tokentide.patience import pause_s
from tokentide.spool import Spool
from tokentide.transports.transport import MAX_BYTES, MAX_RECORDS, Transport, TransportRejected, TransportUnavailable

SEND_TIMEOUT_S: Final = 10.0
SLOW_S: Final = 0.1
REPORT_EVERY_S: Final = 10.0
LOOK_AT_SPOOL_EVERY_S: Final = 10.0


class Delivery:
    """The events of one producer, for the worker thread alone: other threads may use `hand`, as it says.

    What can neither be sent nor spooled stays in hand, and the queue fills up.
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
        self.account = Account(queue, spool, app, now)
        self._notices = Notices()
        self.hand = Hand(queue, spool, read, self.account, self._notices, clock)
        self._queue = queue
        self._transport = transport
        self._spool = spool
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._slow = False
        self._resume_at = -math.inf
        self._report_at = clock() + REPORT_EVERY_S
        self._dropped_before = 0

    def step(self, timeout_s: float = SEND_TIMEOUT_S) -> bool:
        """Deliver one batch of the queue and one of the spool; whether another batch is waiting already."""
        self._make_room()
        self.hand.take()
        with self.hand.lock:
            if self._clock() >= self._report_at and self.account.has_news() and len(self.hand.records) < MAX_RECORDS:
                self.hand.records.append(self.account.report(closed=False))
                self._report_at = self._clock() + REPORT_EVERY_S
        self._deliver(timeout_s)
        goes_on = self._replay(timeout_s) or (not self.hand.records and len(self._queue) >= MAX_RECORDS)
        self._say()
        return goes_on

    def finish(self, deadline: float, *, closed: bool) -> bool:
        """Deliver or spool what is queued now, and a report; whether all of it was kept, and all since the last time.

        Nothing is sent after `deadline`, an instant of the clock: the rest goes to the spool.
        """
        last = self.account.taken + len(self._queue)
        while self._queue and self.account.taken < last and not self.hand.taken_over:
            self.hand.take()
            self._deliver(deadline - self._clock())
            with self.hand.lock:
                if self.hand.records and not closed:
                    return False
                if not self.hand.taken_over:
                    self.hand.give_up()
        with self.hand.lock:
            if not self.hand.taken_over and len(self.hand.records) < MAX_RECORDS:
                self.hand.records.append(self.account.report(closed))
        self._deliver(deadline - self._clock())
        if closed:
            self.hand.leave()
        self._say()
        before, self._dropped_before = self._dropped_before, self.account.dropped()
        return self._dropped_before == before and not self.hand.records

    def close(self) -> None:
        """Give up the connection and the files."""
        self._transport.close()
        self.hand.close()

    def forget(self) -> None:
        """Give up what a forked child has inherited; the parent's connection and files stay as they are."""
        with contextlib.suppress(OSError):
            self._spool.close()
        self._transport.forget()

    def _make_room(self) -> None:
        """Spool the queue when a far side that takes long lets it fill up: the disk is quicker."""
        if self._slow and self._queue.more_than_half_full():
            while self._queue and not (self.hand.records or self.hand.taken_over):
                self.hand.take()
                with self.hand.lock:
                    if not self.hand.taken_over:
                        self.hand.spool_all()

    def _deliver(self, timeout_s: float) -> None:
        """Send what is in hand, spool what could not be sent."""
        if records := self.hand.lend():
            self.hand.settle(records, self._send(records, timeout_s))

    def _replay(self, timeout_s: float) -> bool:
        """Send one batch of the spool; whether it arrived, so that the next one may follow."""
        if self._clock() < max(self._resume_at, self.hand.look_at_spool_at):
            return False
        with self.hand.lock:
            batch = [] if self.hand.taken_over else self._spool.batch(MAX_RECORDS, MAX_BYTES)
        if not batch:
            self.hand.look_at_spool_at = self._clock() + LOOK_AT_SPOOL_EVERY_S
            return False
        too_old = self._spool.too_old()
        left = [] if too_old else self._send(batch, timeout_s)
        with self.hand.lock:
            if not self.hand.taken_over:
                if too_old:
                    self.hand.drop("expired", batch, "calls are dropped: they were in the spool folder for too long")
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
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                else:
                    self.hand.refuse(records, part, f"the far side refused a call for good: {refusal}")
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
        self._notices.add("unavailable", f"calls are kept on disk for now: {error}")

    def _say(self) -> None:
        if self.account.has_untold_hook_error:
            self._notices.add("hook_errors", HOOKS_FAILED)
        self._notices.say()
