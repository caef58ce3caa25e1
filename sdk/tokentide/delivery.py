"""From the queue to the far side: what the emitter's worker thread does, without the thread."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from tokentide.account import Account, is_report
from tokentide.backlog import Backlog
from tokentide.call import LLMCall
from tokentide.notices import HOOKS_FAILED, Notices
from tokentide.patience import pause_s
from tokentide.signals import came_from_a_signal
from tokentide.spool import Spool
from tokentide.transports.transport import MAX_BYTES, MAX_RECORDS, Transport, TransportRejected, TransportUnavailable

SEND_TIMEOUT_S: Final = 10.0
SLOW_S: Final = 0.1
READING_S: Final = 0.1
REPORT_EVERY_S: Final = 10.0
LOOK_AT_SPOOL_EVERY_S: Final = 10.0
REPORT_BYTES: Final = 1024

Read: TypeAlias = Callable[[Any, str, int], LLMCall]


class Delivery:
    """The events of one producer. `step` and `finish` are for the worker thread, `take_over` for one that ends it.

    The lock is held while records change hands, and let go while the worker reads or sends one. So `take_over` finds
    every record in the queue, in hand or in the spool, whatever keeps the worker waiting. What can neither be sent nor
    spooled stays in hand, and the queue fills up. `keep` is for a thread that is out of patience.
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
        self.taken_over = self._ends = False  # `_ends` is set before `take_over` waits for the lock
        self._queue, self._transport, self._spool, self._read = queue, transport, spool, read
        self._clock, self._jitter = clock, jitter
        self._notices, self._lock = Notices(), threading.Lock()
        self._in_hand: list[bytes] = []
        self._kept: list[bytes] | None = None  # the last hand that `keep` has put into the spool
        # What the worker reads at this moment, and what came of it when `take_over` did not wait for the lock.
        self._reads, self._has_read = False, threading.Event()
        self._read_late: list[bytes] = []
        self._failures, self._slow = 0, False
        self._resume_at = self._look_at_spool_at = -math.inf
        self._report_at = clock() + REPORT_EVERY_S
        self._dropped_before = 0

    def step(self, timeout_s: float = SEND_TIMEOUT_S) -> bool:
        """Deliver one batch of the queue and one of the spool; whether another batch is waiting already."""
        self._make_room()
        self._take()
        with self._lock:
            if self._clock() >= self._report_at and self.account.has_news() and len(self._in_hand) < MAX_RECORDS:
                self._in_hand.append(self.account.report(closed=False))
                self._report_at = self._clock() + REPORT_EVERY_S
        self._deliver(timeout_s)
        goes_on = self._replay(timeout_s) or (not self._in_hand and len(self._queue) >= MAX_RECORDS)
        self._say()
        return goes_on

    def finish(self, deadline: float, *, closed: bool) -> bool:
        """Deliver or spool what is queued now, and a report; whether all of it was kept, and all since the last time.

        Nothing is sent after `deadline`, an instant of the clock: the rest goes to the spool.
        """
        last = self.account.taken + len(self._queue)
        while self._queue and self.account.taken < last and not self.taken_over:
            self._take()
            self._deliver(deadline - self._clock())
            with self._lock:
                if self._in_hand and not closed:
                    return False
                self._give_up_hand()
        with self._lock:
            if len(self._in_hand) < MAX_RECORDS:
                self._in_hand.append(self.account.report(closed))
        self._deliver(deadline - self._clock())
        self._say()
        before, self._dropped_before = self._dropped_before, self.account.dropped()
        return self._dropped_before == before and not self._in_hand

    def keep(self, timeout_s: float) -> None:
        """Spool what the far side keeps waiting, as far as it can be read in time; the worker goes on afterwards.

        What it is sending at this moment may arrive, and out of the spool once more.
        """
        give_up = self._clock() + timeout_s
        # Not for ever: a signal handler may have interrupted this very thread in here.
        while self._lock.acquire(timeout=max(0.0, give_up - self._clock())):
            try:
                if self._reads or self._ends:
                    return  # it is not the far side that takes so long, and one thread reads at a time
                hand = self._in_hand
                self._keep_hand()
                if self._in_hand is not hand:
                    self._kept = hand
                if self._in_hand or not self._queue or self._clock() >= give_up:
                    return
                while self._queue and not self._ends and len(self._in_hand) < MAX_RECORDS and self._clock() < give_up:
                    self._in_hand += self._records(*self._pop())
                self._keep_hand()
            finally:
                self._lock.release()

    def take_over(self, timeout_s: float) -> None:
        """Spool everything that is not acknowledged and keep the worker from doing more: the producer's last act.

        What cannot be read in time is counted as dropped.
        """
        give_up, self._ends = self._clock() + timeout_s, True
        if not self._lock.acquire(timeout=timeout_s):
            # The disk keeps the worker waiting, and would keep this thread waiting too.
            self.taken_over = True
            return
        self.taken_over, reads = True, self._reads
        self._lock.release()
        if reads and self._has_read.wait(timeout_s / 2):
            self._in_hand += self._read_late
        elif reads:
            self.account.loses("exit")
        self._keep_hand()
        self._give_up_hand()
        while self._queue:
            attempt = self._pop()
            if self._clock() >= give_up:
                self.account.loses("exit")
                continue
            self._in_hand += self._records(*attempt)
            if len(self._in_hand) == MAX_RECORDS:
                self._keep_hand()
                self._give_up_hand()
        # In one go with the last events: a thread that does this while the process ends may get no further.
        self._in_hand.append(self.account.report(closed=True))
        self._keep_hand()
        if self._in_hand:
            self._give_up_hand()
            self._in_hand.append(self.account.report(closed=True))
            self._keep_hand()
        self._spool.close()

    def close(self) -> None:
        """Give up the connection and the files."""
        self._transport.close()
        self._spool.close()

    def forget(self) -> None:
        """Give up what a forked child has inherited; the parent's connection and files stay as they are."""
        with contextlib.suppress(OSError):
            self._spool.close()
        self._transport.forget()

    def _take(self) -> None:
        """Read events of the queue into the hand, one batch at most."""
        size, give_up = 0, self._clock() + READING_S
        most = 0 if self._in_hand else MAX_RECORDS - 1  # one place is for a report
        while len(self._in_hand) < most and size < MAX_BYTES and self._clock() < give_up:
            with self._lock:
                if self.taken_over or not self._queue:
                    return
                self.account.loses("unreadable", int(self._reads))  # the last one ended the thread
                attempt, self._reads = self._pop(), True
                self._has_read.clear()
            found = self._records(*attempt)
            with self._lock:
                self._reads = False
                (self._read_late if self.taken_over else self._in_hand).extend(found)
                self._has_read.set()
            size += sum(map(len, found))

    def _pop(self) -> tuple[int, Any]:
        seq, attempt = self._queue.take()
        self.account.takes(seq)
        return seq, attempt

    def _records(self, seq: int, attempt: Any) -> list[bytes]:
        """An attempt as a record; none when it cannot be read."""
        try:
            return [self._read(attempt, self.account.producer_id, seq).to_json()]
        except Exception as error:  # whatever is wrong with one attempt, the next one is read
            self.account.loses("unreadable")
            if came_from_a_signal(error) and not self._ends:
                raise  # in `keep`, on a thread of the app
            self._notices.add("unreadable", f"a call could not be read and is counted as dropped: {error!r}")
            return []

    def _make_room(self) -> None:
        """Spool the queue when a far side that takes long lets it fill up: the disk is quicker."""
        if self._slow and self._queue.more_than_half_full():
            while self._queue and not (self._in_hand or self.taken_over):
                self._take()
                with self._lock:
                    if not self.taken_over:
                        self._keep_hand()

    def _deliver(self, timeout_s: float) -> None:
        """Send what is in hand, spool what could not be sent."""
        records = self._in_hand
        if not records:
            return
        left = self._send(records, timeout_s)
        with self._lock:
            if not self.taken_over and records is not self._kept:
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
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                else:
                    self._refused(records, part, f"the far side refused a call for good: {refusal}")
            except Exception as error:  # noqa: BLE001  # a transport that fails in a way of its own is away, too
                parts.append(part)
                self._rest(error)
            else:
                self._failures = 0
            self._slow = self._clock() - started > SLOW_S
        return [record for part in reversed(parts) for record in part]

    def _refused(self, records: list[bytes], part: list[bytes], message: str) -> None:
        """Drop the one record in `part`, unless `records` are in the spool by now: out of it, it is refused too."""
        with self._lock:
            if not self.taken_over and records is not self._kept:
                self._drop("rejected", part, message)
                if records is self._in_hand:
                    records.remove(part[0])

    def _rest(self, error: Exception) -> None:
        self._failures += 1
        asked = error.retry_after_s if isinstance(error, TransportUnavailable) else None
        self._resume_at = self._clock() + max(asked or 0.0, pause_s(self._failures, self._jitter()))
        self._notices.add("unavailable", f"calls are kept on disk for now: {error}")

    def _keep_hand(self) -> None:
        """Move what is in hand to the spool, as far as it takes it. Events leave room for the report about them."""
        reserved = 0 if all(map(is_report, self._in_hand)) else REPORT_BYTES
        kept = self._spool.append(self._in_hand, reserved) if self._in_hand else 0
        if kept:
            self._in_hand = self._in_hand[kept:]
            self._look_at_spool_at = -math.inf
        if self._in_hand:
            self._notices.add("spool_full", "calls wait in memory: the spool folder is full or cannot be written")

    def _give_up_hand(self) -> None:
        """Drop what could neither be sent nor spooled."""
        if self._in_hand:
            records, self._in_hand = self._in_hand, []
            self._drop("spool_full", records, "calls are dropped: there is no time and no place on disk for them")

    def _drop(self, reason: str, records: Sequence[bytes], message: str) -> None:
        self.account.loses_records(reason, records)
        self._notices.add(reason, message)

    def _say(self) -> None:
        if self.account.has_untold_hook_error:
            self._notices.add("hook_errors", HOOKS_FAILED)
        self._notices.say()
