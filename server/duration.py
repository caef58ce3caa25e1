"""Lengths of time as people write them: 30m, 24h, 7d."""

from __future__ import annotations

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """The length of time that `text` names. Raises ValueError for anything else than a whole number and a unit."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text.strip())
    if not found or int(found[1]) == 0:
        raise ValueError(f"{text!r} is not a length of time: write a number and s, m, h, d or w, such as 24h")
    try:
        length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        length = timedelta.max
    if length > LONGEST:
        raise ValueError(f"{text!r} is longer than {LONGEST.days} days: ask for less")
    return length
