"""How the C library keeps what Python has freed: for a program that runs for months, as little as is worth keeping."""

from __future__ import annotations

import ctypes
from typing import Final

# The numbers of glibc's malloc.h. Where they are set it no longer adapts the two sizes by itself.
_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1

_ARENAS: Final = 2
_LARGE_BYTES: Final = 16_000_000


def give_back_freed_memory() -> bool:
    """Have freed memory serve all threads, and what is large go back to the system. For the start of a program.

    By itself glibc gives the threads up to eight arenas for each core, and keeps what was freed in each. False where
    the C library is another one, which stays as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    done = [
        mallopt(_ARENA_MAX, _ARENAS),
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES),
        mallopt(_TRIM_THRESHOLD, _LARGE_BYTES),
    ]
    return all(done)
