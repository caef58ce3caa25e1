"""The records in hand: read out of the queue, and neither acknowledged by the far side nor in the spool yet."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from tokentide.account import Account, is_report
from tokentide.backlog import Backlog
from tokentide.call import LLMCall
from tokentide.notices import Notices
from tokentide.signals import came_from_a_signal
from tokentide.spool import Spool
from tokentide.transports.transport import MAX_BYTES, MAX_RECORDS

READING_S: Final = 0.1
REPORT_BYTES: Final = 1024

Read: TypeAlias = Callable[[Any, str, int], LLMCall]


class Hand:
    """What the worker thread takes out of the queue, and what another thread may move to the spool in its place.

    The lock is held while records change hands, and let go while the worker reads or sends one. So `take_over` finds
    every record in the queue, in hand or in the spool, whatever keeps the worker waiting. `keep` is for a thread that
    is out of patience, `take_over` for one that ends the worker. `spool_all`, `give_up` and `drop` are for one that
    holds the lock or has taken over.
    """

    def __init__(
        self,
        queue: Backlog,
        spool: Spool,
        read: Read,
        account: Account,
        notices: Notices,
        clock: Callable[[], float],
    ) -> None:
        self.lock = threading.Lock()
        self.records: list[bytes] = []
        self.taken_over = False
        # The instant of the clock when the worker looks into the spool again: at once after something was put there.
        self.look_at_spool_at = -math.inf
        self._queue = queue
        self._spool = spool
        self._read = read
        self._account = account
        self._notices = notices
        self._clock = clock
        # Set before `take_over` waits for the lock, and when it has got it.
        self._ends = False
        self._closes_spool = False
        # The first hand that `keep` has put into the spool since the last one was lent: that one, if it is still out.
        self._kept: list[bytes] | None = None
        # What the worker reads at this moment, and what came of it when `take_over` did not wait for the lock.
        self._reads = False
        self._has_read = threading.Event()
        self._read_late: list[bytes] = []
        self._waits_for_read = False

    def take(self) -> None:
        """Read events of the queue into the hand, one batch at most: for the worker."""
        size, give_up = 0, self._clock() + READING_S
        most = 0 if self.records else MAX_RECORDS - 1  # one place is for a report
        while len(self.records) < most and size < MAX_BYTES and self._clock() < give_up:
            with self.lock:
                if self.taken_over or not self._queue:
                    return
                self._account.loses("unreadable", int(self._reads))  # the last one ended the thread
                attempt = self._pop()
                self._reads = True
                self._has_read.clear()
            found = self._records(*attempt)
            with self.lock:
                self._reads = False
                (self._read_late if self.taken_over else self.records).extend(found)
                self._has_read.set()
            size += sum(map(len, found))

    def lend(self) -> list[bytes]:
        """What the worker is to send now, if anything: `settle` says what came of it."""
        with self.lock:
            self._kept = None
            return self.records if self.records and not self.taken_over else []

    def settle(self, records: list[bytes], left: list[bytes]) -> None:
        """Of `records`, which were lent, only those `left` are still to be kept: they go to the spool."""
        with self.lock:
            if not self.taken_over and records is not self._kept:
                self.records = left
                self.spool_all()

    def refuse(self, records: list[bytes], refused: list[bytes], message: str) -> None:
        """Drop the one record in `refused`, unless `records` are in the spool by now: out of it, it is refused too."""
        with self.lock:
            if not self.taken_over and records is not self._kept:
                self.drop("rejected", refused, message)
                if records is self.records:
                    records.remove(refused[0])

    def keep(self, timeout_s: float) -> None:
        """Spool what the far side keeps waiting, as far as it can be read in time; the worker goes on afterwards.

        What it is sending at this moment may arrive, and out of the spool once more.
        """
        give_up = self._clock() + timeout_s
        while self._keep_batch(give_up):
            pass

    def take_over(self, timeout_s: float) -> bool:
        """Spool everything that is not acknowledged and keep the worker from doing more: the producer's last act.

        What cannot be read in time is counted as dropped. False: all is left as it is, because the disk takes too long.
        After a signal of the app has ended it, it may be called again to do the rest.
        """
        give_up = self._clock() + timeout_s
        self._ends = True
        if not self._closes_spool and not self._stops_worker(timeout_s):
            return False
        if self._waits_for_read:
            if self._has_read.wait(timeout_s / 2):
                self.records += self._read_late
            else:
                self._account.loses("exit")
            self._waits_for_read = False
        self.spool_all()
        self.give_up()
        while self._queue:
            if self._clock() >= give_up:
                self._pop()
                self._account.loses("exit")
                continue
            self._read_one()
            if len(self.records) == MAX_RECORDS:
                self.spool_all()
                self.give_up()
        # In one go with the last events: a thread that does this while the process ends may get no further.
        self.records.append(self._account.report(closed=True))
        self.spool_all()
        if self.records:
            self.give_up()
            self.records.append(self._account.report(closed=True))
            self.spool_all()
        self._spool.close()
        return True

    def leave(self) -> None:
        """Drop what no step will come back to, and spool a report that counts it: the worker's last act."""
        with self.lock:
            if not (self.taken_over or all(map(is_report, self.records))):
                self.give_up()
                self.records.append(self._account.report(closed=True))
                self.spool_all()

    def close(self) -> None:
        """Let go of the spool, unless another thread has taken over and does so itself: for the worker."""
        with self.lock:
            if not self._closes_spool:
                self._spool.close()

    def spool_all(self) -> None:
        """Move what is in hand to the spool, as far as it takes it. Events leave room for the report about them."""
        reserved = 0 if all(map(is_report, self.records)) else REPORT_BYTES
        kept = self._spool.append(self.records, reserved) if self.records else 0
        if kept:
            self.records = self.records[kept:]
            self.look_at_spool_at = -math.inf
        if self.records:
            self._notices.add("spool_full", "calls wait in memory: the spool folder is full or cannot be written")

    def give_up(self) -> None:
        """Drop what could neither be sent nor spooled."""
        if self.records:
            records, self.records = self.records, []
            self.drop("spool_full", records, "calls are dropped: there is no time and no place on disk for them")

    def drop(self, reason: str, records: Sequence[bytes], message: str) -> None:
        """Count the records as dropped for this reason, which the log is to tell with the message."""
        self._account.loses_records(reason, records)
        self._notices.add(reason, message)

    def _stops_worker(self, timeout_s: float) -> bool:
        """Keep the worker from doing more; whether all that it has left can be taken over."""
        held: list[bool] = []
        try:
            self._acquire(held, timeout_s)
            # Without the lock, the disk keeps the worker waiting, and would keep this thread waiting too.
            self._waits_for_read = held[0] and self._reads
            self.taken_over, self._closes_spool = True, held[0]
            return held[0]
        finally:
            if True in held:
                self.lock.release()

    def _keep_batch(self, give_up: float) -> bool:
        """Spool what is in hand and one batch of the queue; whether there may be more to keep."""
        held: list[bool] = []
        try:
            # Not for ever: a signal handler may have interrupted this very thread in here.
            self._acquire(held, max(0.0, give_up - self._clock()))
            if not held[0] or self._reads or self._ends:
                return False  # it is not the far side that takes so long, and one thread reads at a time
            records = self.records
            self.spool_all()
            if self.records is not records and self._kept is None:
                self._kept = records
            if self.records or not self._queue or self._clock() >= give_up:
                return False
            while self._queue and not self._ends and len(self.records) < MAX_RECORDS and self._clock() < give_up:
                self._read_one()
            self.spool_all()
            return True
        finally:
            if True in held:
                self.lock.release()

    def _acquire(self, held: list[bool], timeout_s: float) -> None:
        """Wait for the lock. Whether it is held is in `held` at once: a signal may come before this returns."""
        held.extend(map(self.lock.acquire, [True], [timeout_s]))

    def _pop(self) -> tuple[int, Any]:
        seq, attempt = self._queue.take()
        self._account.takes(seq)
        return seq, attempt

    def _read_one(self) -> None:
        """Move one event from the queue into the hand. One that a signal of the app ends on the way is counted."""
        taken = self._account.taken
        found: list[bytes] | None = None
        try:
            found = self._records(*self._pop())
            self.records += found
        finally:
            if found is None:
                self._account.loses("unreadable", self._account.taken - taken)

    def _records(self, seq: int, attempt: Any) -> list[bytes]:
        """An attempt as a record; none when it cannot be read."""
        try:
            return [self._read(attempt, self._account.producer_id, seq).to_json()]
        except Exception as error:  # whatever is wrong with one attempt, the next one is read
            if came_from_a_signal(error) and not self._ends:
                raise  # in `keep`, on a thread of the app; it is counted there
            self._account.loses("unreadable")
            self._notices.add("unreadable", f"a call could not be read and is counted as dropped: {error!r}")
            return []
