"""One file of the spool: lines that are added at its end, each with its checksum, and the place up to which it is done.

The first line is that place, every other one a record. A damaged line costs the record in it and no other. The process
that uses a segment holds a lock on it, which the operating system lets go when that process ends, however it ends. So
two processes never replay the same one, and `kill -9` leaves nothing locked.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import zlib
from pathlib import Path
from typing import Final

FULL_BYTES: Final = 8 * 1024 * 1024
_RECORD: Final = slice(9, -1)
# Others may have put a link there, to a file that must not be written to. Neither flag is known everywhere.
_OPENING: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        # Locks there are for ranges of bytes, and no other handle may read them: take one far behind the records.
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def line(record: bytes) -> bytes:
    """The line that holds a record; a record has no line breaks."""
    return b"%08x %b\n" % (zlib.crc32(record), record)


def _is_ours(state: os.stat_result) -> bool:
    """Whether this is a file of this user. A segment that was finished while it was opened has no name any more."""
    is_own = not hasattr(os, "geteuid") or state.st_uid == os.geteuid()
    return is_own and stat.S_ISREG(state.st_mode) and state.st_nlink > 0


def _record(found: bytes) -> bytes | None:
    """What the line holds; None when it is damaged or was not written to its end."""
    record = found[_RECORD]
    return record if line(record) == found else None


def _place(position: int) -> bytes:
    return line(b"%020d" % position)


START_BYTES: Final = len(_place(0))


class Segment:
    """An open, locked segment: records are added at its end and taken from `position` on.

    `waiting` counts those that were added here and are not done with: below zero when they were there before.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.waiting = 0
        self._descriptor = descriptor
        self._is_torn = False
        self._size = os.fstat(descriptor).st_size
        if self._size < START_BYTES:
            self._write(0, _place(START_BYTES))
            self._size = START_BYTES
        os.lseek(descriptor, 0, os.SEEK_SET)
        place = _record(os.read(descriptor, START_BYTES)) or b""
        # A place that cannot be read means that all of it is sent again, which loses nothing.
        self.position = int(place) if place.isdigit() and START_BYTES <= int(place) <= self._size else START_BYTES

    @classmethod
    def open(cls, path: Path, flags: int = 0) -> Segment | None:
        """The segment at `path`; None when another process has it or it cannot be used."""
        try:
            descriptor = os.open(path, _OPENING | flags, 0o600)
        except OSError:
            return None
        try:
            if _lock(descriptor) and _is_ours(os.fstat(descriptor)):
                return cls(path, descriptor)
        except OSError:
            if flags & os.O_CREAT:
                path.unlink(missing_ok=True)
        os.close(descriptor)
        return None

    @property
    def full(self) -> bool:
        """Whether it is time for the next one: this is long, or not as it was left."""
        state = os.fstat(self._descriptor)
        return self._is_torn or self._size >= FULL_BYTES or state.st_size != self._size or not state.st_nlink

    def append(self, lines: list[bytes]) -> None:
        """Add all of the lines or nothing. Raises OSError."""
        joined = b"".join(lines)
        try:
            self._write(self._size, joined)
        except OSError:
            self._is_torn = True
            os.ftruncate(self._descriptor, self._size)
            self._is_torn = False
            raise
        self._size += len(joined)
        self.waiting += len(lines)

    def read(self, max_records: int, max_bytes: int) -> list[tuple[bytes, int]]:
        """Records from `position` on, each with the position behind it; what is damaged is left out."""
        found: list[tuple[bytes, int]] = []
        size, end = 0, self.position
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(end)
            for each in file:
                end += len(each)
                record = _record(each)
                if record is not None:
                    size += len(record)
                    if found and size > max_bytes:
                        break
                    found.append((record, end))
                    if len(found) == max_records:
                        break
        return found

    def done(self, count: int, position: int) -> None:
        """Remember, in the file too, that the next `count` records, up to `position`, are done with."""
        self.waiting -= count
        self.position = position
        self._write(0, _place(position))

    def close(self) -> None:
        """Let go of it: the next one to open it continues at `position`."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Delete it; emptied first, because not every system deletes a file that another process has open."""
        os.ftruncate(self._descriptor, 0)
        self.close()
        self.path.unlink(missing_ok=True)

    def _write(self, start: int, data: bytes) -> None:
        os.lseek(self._descriptor, start, os.SEEK_SET)
        if os.write(self._descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, "the disk is full")
