"""The disk of the embedded store: nothing more is taken before it is full, for an engine without space breaks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


class DiskNearlyFull(Exception):
    """The store's disk has too little space left: free some, then the events can be sent again."""


def free_bytes(folder: Path) -> int:
    """The space that is left on the disk of `folder`. Raises OSError."""
    return shutil.disk_usage(folder).free


def disk_trouble(folder: Path | None, least: int, free: Callable[[Path], int] = free_bytes) -> str:
    """What is wrong when the disk of `folder` has less than `least` bytes left; empty when all is well, and always for
    a store that is no folder.
    """
    if folder is None or not least:
        return ""
    try:
        left = free(folder)
    except OSError as error:
        return f"the store folder {folder} cannot be reached: {error.strerror}"
    if left >= least:
        return ""
    return (
        f"the disk of {folder} has {left // 2**20} MiB left: nothing is stored below {least // 2**20} MiB "
        "(store.least_free_bytes); free some space"
    )
