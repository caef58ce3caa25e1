"""Events on disk while the far side is away: a folder of segments that outlive their process."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tokentide.config import Settings
from tokentide.segment import START_BYTES, Segment, line

MAKING_TRIES: Final = 5
_SUFFIX: Final = ".segment"
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class Spool:
    """The records of this process in `folder`, and those that ended processes left there. For one thread at a time.

    A record is bytes without line breaks. Nothing here raises OSError: a folder that cannot be used keeps nothing, and
    the app goes on. `damaged` counts the records of this process that were kept and cannot be read any more.
    """

    def __init__(
        self, folder: Path, max_bytes: int, max_age_s: float, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.damaged = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age_ns = int(max_age_s * 1e9)
        self._now_ns = now_ns
        self._own: deque[Segment] = deque()
        self._reading: Segment | None = None
        self._ends: list[int] = []

    def append(self, records: Sequence[bytes], reserved: int = 0) -> int:
        """Keep the records, in order; returns how many: the rest has no room or cannot be written.

        `reserved` bytes of the room are left for others.
        """
        lines = [line(record) for record in records]
        try:
            _prepare(self._folder)
            room = self._max_bytes - _bytes_in(self._folder) - START_BYTES - reserved
            fitting = sum(end <= room for end in itertools.accumulate(map(len, lines)))
            if fitting:
                self._segment_to_write().append(lines[:fitting])
        except OSError:
            return 0
        return fitting

    def batch(self, max_records: int, max_bytes: int) -> list[bytes]:
        """The oldest records that are not acknowledged, [] when there are none; one at least, however large it is.

        Oldest first means: segments by the time of their making, records of one segment in the order of `append`.
        """
        try:
            while segment := self._reading or self._oldest():
                self._reading = segment
                if found := segment.read(max_records, max_bytes):
                    self._ends = [end for _, end in found]
                    return [record for record, _ in found]
                self._forget(segment)
                segment.remove()
        except OSError:
            # It stays locked, so the next call goes on with the segment after it.
            if self._reading:
                self._forget(self._reading)
        return []

    def too_old(self) -> bool:
        """Whether the last batch was kept for longer than the limit, so that nobody wants it any more."""
        return self._reading is not None and self._reading.path.name < f"{self._now_ns() - self._max_age_ns:020d}"

    def acknowledge(self, count: int) -> None:
        """Forget the first `count` records of the last batch: they have arrived, or never will."""
        if count and self._reading:
            # Where the place cannot be written, the next process sends them again.
            with contextlib.suppress(OSError):
                self._reading.done(count, self._ends[count - 1])
            self._ends = self._ends[count:]

    def waiting(self) -> int:
        """How many records of this process are kept here and not acknowledged."""
        reading = [self._reading] if self._reading and self._reading not in self._own else []
        return sum(max(0, segment.waiting) for segment in (*self._own, *reading))

    def close(self) -> None:
        """Let go of every segment, so that any process can replay them; the spool may be used again.

        In a forked child this leaves the parent's segments to the parent.
        """
        if self._reading and self._reading not in self._own:
            self._own.append(self._reading)
        self._reading = None
        while self._own:
            self._own.pop().close()

    def _segment_to_write(self) -> Segment:
        if self._own and self._own[-1] is not self._reading and not self._own[-1].full:
            return self._own[-1]
        # Another process that looks for something to replay may take the new one before it is locked.
        for _ in range(MAKING_TRIES):
            path = self._folder / f"{self._now_ns():020d}-{os.getpid()}{_SUFFIX}"
            if segment := Segment.open(path, os.O_CREAT | os.O_EXCL):
                self._own.append(segment)
                return segment
        raise OSError(errno.EAGAIN, f"no segment can be made in {self._folder}")

    def _oldest(self) -> Segment | None:
        own = self._own[0] if self._own else None
        for path in sorted(self._folder.glob("*" + _SUFFIX)):
            if own is not None and path.name >= own.path.name:
                break
            if segment := Segment.open(path):
                return segment
        return own

    def _forget(self, segment: Segment) -> None:
        self._reading = None
        if segment in self._own:
            self._own.remove(segment)
        self.damaged += max(0, segment.waiting)


def spool_folder(settings: Settings) -> Path:
    """The folder for the destination that `settings` name: events must not be replayed to another one."""
    destination = (
        settings.transport,
        settings.endpoint,
        settings.token,
        settings.kafka_bootstrap,
        settings.kafka_topic,
    )
    return settings.spool_dir / hashlib.sha256("\n".join(destination).encode()).hexdigest()[:16]


def _prepare(folder: Path) -> None:
    """Make the folder, for this user only. Raises OSError, also when it belongs to somebody else or is a link."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not hasattr(os, "geteuid"):
        return
    state = folder.lstat()
    if state.st_uid != os.geteuid() or not stat.S_ISDIR(state.st_mode):
        raise PermissionError(f"{folder} belongs to another user or is a link")
    if state.st_mode & _OTHERS_WRITE:
        folder.chmod(0o700)


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total
