"""How fast a sender may go, as a token bucket: it fills at the sender's rate, and every event takes one out.

A request is taken while the bucket is not below empty, however many events it brings; the next one waits until they are
made up for. So no request is too large for a small rate, and the average holds all the same.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """What is in the bucket at an instant, in events; below zero is what must be made up for."""

    level: float
    at: float


def now_at(pace: Pace | None, rate: float, now: float) -> Pace:
    """The bucket at `now`: it holds what comes in a second, and is full at first."""
    if pace is None:
        return Pace(rate, now)
    return Pace(min(rate, pace.level + rate * max(0.0, now - pace.at)), now)


def wait_s(pace: Pace, rate: float) -> float:
    """Seconds until the next request is taken; 0 when it may come now."""
    return max(0.0, -pace.level / rate)


def taken(pace: Pace, events: int) -> Pace:
    """After a request with so many events; a negative number gives them back."""
    return Pace(pace.level - events, pace.at)
