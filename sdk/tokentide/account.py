"""What became of the events of one producer: how many there were, and how many were dropped, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from tokentide.backlog import Backlog
from tokentide.call import ProducerReport
from tokentide.identifiers import uuid7
from tokentide.spool import Spool
from tokentide.version import VERSION

_REPORT: Final = b'{"report_id"'
_AFTER: Final = timedelta(microseconds=1)


class Account:
    """The account of a new producer whose events come through `queue`. `now` gives the instant of a report."""

    def __init__(self, queue: Backlog, spool: Spool, app: str, now: Callable[[], datetime]) -> None:
        self.producer_id = uuid7()
        self.has_untold_hook_error = False
        self.taken = 0
        self._queue, self._spool, self._app, self._now = queue, spool, app, now
        self._highest = self._hook_errors = 0
        self._lost: Counter[str] = Counter()
        self._mark = f'"producer_id":"{self.producer_id}"'.encode()
        self._reported = self._standing()
        self._reported_at: datetime | None = None

    def takes(self, seq: int) -> None:
        """An event has come out of the queue."""
        self._highest = max(self._highest, seq)
        self.taken += 1

    def loses(self, reason: str, count: int = 1) -> None:
        """So many events that came out of the queue are dropped."""
        self._lost[reason] += count

    def loses_records(self, reason: str, records: Sequence[bytes]) -> None:
        """The records are dropped; reports are no events, and events of others that the spool held do not count."""
        self._lost[reason] += sum(self._mark in each and not is_report(each) for each in records)

    def counts_hook_error(self, told: bool) -> None:
        """A hook has failed; unless that was `told` already, the log is to say so."""
        self._hook_errors += 1
        self.has_untold_hook_error |= not told

    def dropped(self) -> int:
        """How many events are dropped by now."""
        return sum(self._standing()[1].values())

    def has_news(self) -> bool:
        """Whether the counts have changed since the last report."""
        return self._reported != self._standing()

    def tells_of(self, seq: int) -> bool:
        """Whether the event of this number is among those of the last report."""
        return seq <= self._reported[0]

    def report(self, closed: bool) -> bytes:
        """The counts as they are now, for the far side, which keeps the newest: also where the clock was set back."""
        now = self._now()
        self._reported_at = now if self._reported_at is None else max(now, self._reported_at + _AFTER)
        self._reported = emitted, dropped, hook_errors = self._standing(closed)
        return ProducerReport(
            report_id=uuid7(),
            producer_id=self.producer_id,
            reported_at=self._reported_at,
            emitted=emitted,
            dropped=dropped,
            spooled=self._spool.waiting(),
            hook_errors=hook_errors,
            closed=closed,
            app=self._app,
            sdk_version=VERSION,
        ).to_json()

    def _standing(self, closed: bool = False) -> tuple[int, dict[str, int], int]:
        # A number that was given out and never came through the queue fell out of it. After the last report none does.
        emitted = max(self._highest, 0 if self._queue and not closed else self._queue.last_left_out())
        counts = {**self._lost, "overflow": emitted - self.taken, "spool_damaged": self._spool.damaged}
        return emitted, {reason: count for reason, count in counts.items() if count > 0}, self._hook_errors


def is_report(record: bytes) -> bool:
    """Whether a record is a producer's report and no event."""
    return record.startswith(_REPORT)
