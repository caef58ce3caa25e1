"""How long to wait for the far side."""

from __future__ import annotations

from typing import Final

LONGEST_PAUSE_S: Final = 30.0
SPOOLING_S_PER_EVENT: Final = 200e-6


def pause_s(failures: int, jitter: float) -> float:
    """How long to leave the far side alone after so many failures in a row: 0.5 s doubling to 30 s, times 0.5 to 1.

    `jitter` is a random number from 0 to 1: it keeps the processes of a fleet from coming back all at once.
    """
    return float(min(LONGEST_PAUSE_S, 0.5 * 2 ** min(failures - 1, 10)) * (0.5 + 0.5 * jitter))


def patience_s(timeout: float, most: float, queued: int) -> float:
    """How long the far side may take of `timeout` seconds, so that there is time to spool what is queued instead."""
    return max(0.05 * timeout, min(most, 0.9 * timeout - SPOOLING_S_PER_EVENT * queued))
