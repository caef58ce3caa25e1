"""A delivery with a clock, a queue and a far side in the test's hands."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from emitted import STARTED, last_report, read
from tokentide.backlog import Backlog
from tokentide.delivery import Delivery
from tokentide.spool import Spool
from tokentide.transports.transport import TransportUnavailable


class FarSide:
    """Does what `refuse` says, which raises or not."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.sends = 0
        self.refuse: Callable[[Sequence[bytes]], None] = lambda records: None

    def send(self, records: Sequence[bytes], timeout_s: float) -> None:
        self.sends += 1
        self.refuse(records)
        self.records += records

    def close(self) -> None: ...

    def forget(self) -> None: ...


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    """A delivery with a clock and a far side in the test's hands."""

    def __init__(
        self, folder: Path, *, queue_size: int = 100, queue_bytes: int = 1 << 30, spool_bytes: int = 1 << 30
    ) -> None:
        self.folder = folder
        self.far_side, self.clock = FarSide(), Clock()
        self.queue = Backlog(queue_size, queue_bytes)
        spool = Spool(folder, spool_bytes, max_age_s=1e6)
        self.delivery = Delivery(
            self.queue,
            self.far_side,
            spool,
            read,
            app="shop",
            clock=self.clock,
            now=lambda: STARTED,
            jitter=lambda: 1.0,
        )

    def emit(self, *attempts: str) -> None:
        for attempt in attempts:
            self.queue.put(attempt, 1)

    def report(self) -> dict[str, Any]:
        self.far_side.refuse = lambda records: None
        self.delivery.finish(math.inf, closed=False)
        return last_report(self.far_side.records)


def away(records: Sequence[bytes]) -> None:
    raise TransportUnavailable("away")
