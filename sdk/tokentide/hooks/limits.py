"""Rate-limit headers: how providers write durations and instants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

from tokentide.hooks.provider import Headers

_EPOCH_MS: Final = 1e12  # September 2001, as milliseconds since 1970
_MOST_MS: Final = 1e17
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_MS: Final = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7}


def duration_ms(written: str) -> float | None:
    """Milliseconds of `6m0s`, `12ms` or `1h2m3.5s`; a bare number is seconds. None when it is none of these."""
    written = written.strip()
    parts = _PART.findall(written)
    if parts and "".join(number + unit for number, unit in parts) == written:
        return _believable(sum(float(number) * _MS[unit] for number, unit in parts))
    return _seconds_ms(written)


def reset_ms(written: str, now: datetime) -> float | None:
    """Milliseconds until a reset that is written as a duration, an RFC 3339 instant or seconds or ms since 1970.

    A number that would be a duration of more than thirty years is an instant.
    """
    duration = duration_ms(written)
    if duration is None:
        return until_ms(written, now)
    if duration < _EPOCH_MS:
        return duration
    since_1970 = duration if duration < _EPOCH_MS * 1000 else duration / 1000
    return max(0.0, round(since_1970 - now.timestamp() * 1000, 3))


def until_ms(instant: str, now: datetime) -> float | None:
    """Milliseconds from `now` to an RFC 3339 instant, 0 if it is over. None when it is not one."""
    try:
        then = datetime.fromisoformat(instant.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return _after(then, now)


def retry_after_ms(headers: Headers, now: datetime) -> float | None:
    """What the server asks to wait: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date."""
    exact = headers.get("retry-after-ms", "")
    if (milliseconds := _number(exact)) is not None:
        return milliseconds
    written = headers.get("retry-after", "")
    seconds = _seconds_ms(written)
    if seconds is not None or not written:
        return seconds
    try:
        return _after(parsedate_to_datetime(written), now)
    except (ValueError, OverflowError):
        return None


def count(written: str) -> int | None:
    """A count as a header says it. None when it is none; some servers send -1 where they know nothing."""
    return int(written) if written.isascii() and written.isdigit() and len(written) <= 18 else None


def known(**named: int | float | None) -> Mapping[str, int | float]:
    """What a provider's headers said, without the unknown."""
    return {name: value for name, value in named.items() if value is not None}


def _after(then: datetime, now: datetime) -> float:
    aware = then if then.tzinfo else then.replace(tzinfo=timezone.utc)
    return max(0.0, round((aware - now).total_seconds() * 1000, 3))


def _seconds_ms(written: str) -> float | None:
    seconds = _number(written)
    return None if seconds is None else _believable(seconds * 1000)


def _number(written: str) -> float | None:
    try:
        return _believable(float(written))
    except ValueError:
        return None


def _believable(number: float) -> float | None:
    """`number`, unless it is negative, infinite, no number, or larger than any duration or instant."""
    return number if 0 <= number <= _MOST_MS else None
