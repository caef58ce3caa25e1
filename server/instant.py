"""Days and instants as people write them: 2026-11-20, 2026-11-20T12:00:00Z."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

# What the columns of the store can hold.
_YEARS: Final = range(1970, 2106)


def parse_instant(text: object) -> datetime:
    """The instant that `text` names in ISO 8601, in UTC; without a zone it is one of UTC, a day is its midnight.

    Raises ValueError for anything else, and for years before 1970 and after 2105.
    """
    try:
        found = datetime.fromisoformat(str(text))
        instant = found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        instant = None
    if instant is None or instant.year not in _YEARS:
        raise ValueError(f"{text!r} is no instant from 1970 to 2105: write 2026-11-20 or 2026-11-20T12:00:00Z")
    return instant
