"""Events on disk while the far side is away: segment files that outlive their process.

A segment begins with the position of its first record that is not done with. Then come the records, each behind a
header: its length and its CRC-32. The process that uses a segment holds a lock on it, which the
operating system lets go when that process ends, however it ends; whoever gets the lock may replay the segment. So two
processes never replay the same one, and `kill -9` leaves nothing locked.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import struct
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tokentide.config import Settings

SEGMENT_BYTES: Final = 8 * 1024 * 1024
MAKING_TRIES: Final = 5
_POSITION: Final = struct.Struct(">Q")
_HEADER: Final = struct.Struct(">II")
_SUFFIX: Final = ".segment"

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        # Locks there are for ranges of bytes, and no other handle may read them: take one far behind the records.
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _checksum(record: bytes) -> int:
    # It starts from 1 so that the zeros which a crash of the machine may leave are no records.
    return zlib.crc32(record, 1)


class _Segment:
    """An open, locked segment: records are added at its end and taken from `position` on."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        if self._size < _POSITION.size:
            self._write(0, _POSITION.pack(_POSITION.size))
            self._size = _POSITION.size
        (position,) = _POSITION.unpack(self._read(0, _POSITION.size))
        self.position: int = position if _POSITION.size <= position <= self._size else _POSITION.size

    @classmethod
    def open(cls, path: Path, flags: int = 0) -> _Segment | None:
        """The segment at `path`; None when another process has it or it cannot be used."""
        try:
            descriptor = os.open(path, os.O_RDWR | flags | getattr(os, "O_BINARY", 0), 0o600)
        except OSError:
            return None
        try:
            # A segment that was finished between opening and locking has no name any more.
            if _lock(descriptor) and os.fstat(descriptor).st_nlink:
                return cls(path, descriptor)
        except OSError:
            if flags & os.O_CREAT:
                path.unlink(missing_ok=True)
        os.close(descriptor)
        return None

    @property
    def full(self) -> bool:
        """Whether it is time for the next segment: this one is long, or somebody has deleted it."""
        return self._size >= SEGMENT_BYTES or not os.fstat(self._descriptor).st_nlink

    def append(self, frames: bytes) -> None:
        """Add all of the frames or nothing. Raises OSError."""
        try:
            self._write(self._size, frames)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(frames)

    def read(self, max_records: int, max_bytes: int) -> list[tuple[bytes, int]]:
        """Records from `position` on, each with the position behind it; a damaged record ends the segment."""
        data = self._read(self.position, self._size - self.position)
        found: list[tuple[bytes, int]] = []
        start = taken = 0
        while len(found) < max_records and start + _HEADER.size <= len(data):
            length, checksum = _HEADER.unpack_from(data, start)
            record = data[start + _HEADER.size : start + _HEADER.size + length]
            taken += length
            if len(record) < length or _checksum(record) != checksum or (found and taken > max_bytes):
                break
            start += _HEADER.size + length
            found.append((record, self.position + start))
        return found

    def move_to(self, position: int) -> None:
        """Remember, in the file too, that everything before `position` is done with."""
        self._write(0, _POSITION.pack(position))
        self.position = position

    def close(self) -> None:
        """Let go of it: the next one to open it continues at `position`."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Delete it; emptied first, because not every system deletes a file that another process has open."""
        os.ftruncate(self._descriptor, 0)
        self.close()
        self.path.unlink(missing_ok=True)

    def _read(self, start: int, length: int) -> bytes:
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return os.read(self._descriptor, length)

    def _write(self, start: int, data: bytes) -> None:
        os.lseek(self._descriptor, start, os.SEEK_SET)
        if os.write(self._descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, "the disk is full")


class Spool:
    """The records of this process in `folder`, and those that ended processes left there. For one thread at a time.

    Nothing here raises OSError: a folder that cannot be used keeps nothing, and the app goes on.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._writing: _Segment | None = None
        self._reading: _Segment | None = None
        self._ends: list[int] = []

    def append(self, records: Sequence[bytes]) -> int:
        """Keep the records, in order; returns how many: the rest has no room or cannot be written."""
        frames = [_HEADER.pack(len(record), _checksum(record)) + record for record in records]
        try:
            _prepare(self._folder)
            room = self._max_bytes - _bytes_in(self._folder)
            fitting = sum(end <= room for end in itertools.accumulate(map(len, frames)))
            if fitting:
                self._segment_to_write().append(b"".join(frames[:fitting]))
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
                self._reading = None
                segment.remove()
        except OSError:
            # It stays locked, so the next call goes on with the segment after it.
            self._reading = None
        return []

    def acknowledge(self, count: int) -> None:
        """Forget the first `count` records of the last batch: they have arrived, or never will."""
        if count and self._reading:
            try:
                self._reading.move_to(self._ends[count - 1])
            except OSError:
                self._reading.position = self._ends[count - 1]

    def close(self) -> None:
        """Let go of every segment, so that any process can replay them; the spool may be used again.

        In a forked child this leaves the parent's segments to the parent.
        """
        self._seal()
        if self._reading:
            self._reading.close()
            self._reading = None

    def _segment_to_write(self) -> _Segment:
        if self._writing and self._writing.full:
            self._seal()
        # Another process that looks for something to replay may take the new one before it is locked.
        for _ in range(MAKING_TRIES):
            if self._writing is None:
                path = self._folder / f"{time.time_ns():020d}-{os.getpid()}{_SUFFIX}"
                self._writing = _Segment.open(path, os.O_CREAT | os.O_EXCL)
        if self._writing is None:
            raise OSError(errno.EAGAIN, f"no segment can be made in {self._folder}")
        return self._writing

    def _seal(self) -> None:
        if self._writing:
            self._writing.close()
            self._writing = None

    def _oldest(self) -> _Segment | None:
        for path in sorted(self._folder.glob("*" + _SUFFIX)):
            if self._writing and self._writing.path == path:
                self._seal()
            if segment := _Segment.open(path):
                return segment
        return None


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
    """Make the folder, readable for this user only. Raises OSError, also when it belongs to somebody else."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "geteuid") and folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
