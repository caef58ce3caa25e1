"""What the readers of other tools' records share: an event without a producer, whose id is made from the sender's own.

The same record gives the same id, so that what is sent or imported twice is one row.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from tokentide.call import LLMCall
from tokentide.hooks.document import number

_NAMESPACE: Final = uuid.UUID("6f0c1f4e-6d1b-5d7e-9a53-0b9f5c3f2a11")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999
_MOST_CHARS: Final = 256
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Left:
    """A record that becomes no event, and why. `is_fault`: it should have become one."""

    why: str
    is_fault: bool


Found = LLMCall | Left


def second_hand(source: str, identity: str, started_at: datetime, fields: Mapping[str, Any]) -> LLMCall:
    """The event of a record that `source` knows under `identity`."""
    name = f"{source}\n{identity}".encode("utf-8", "replace").decode()
    call_id = str(uuid.uuid5(_NAMESPACE, name))
    return LLMCall(call_id=call_id, operation_id=call_id, started_at=started_at, **fields)


def decoded(body: bytes) -> Any:
    """The JSON value in `body`. Raises ValueError with the reason.

    A text that was cut in the middle of a character, as in JavaScript, is read with a mark in its place.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            return json.loads(body.decode("utf-8", "replace"))
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def instant(value: Any) -> datetime | None:
    """The instant that an ISO text (UTC where it names no zone) or a number of seconds says; None if it says none."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip())
            return (read if read.tzinfo else read.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            return None
    seconds = number(value)
    if seconds is None or not 0 < seconds <= _LAST_SECOND:
        return None
    return _EPOCH + timedelta(microseconds=round(seconds * 1e6))


def ms_between(first: datetime | None, last: datetime | None) -> float | None:
    """The milliseconds from `first` to `last`; None when one is missing or the order is wrong."""
    if first is None or last is None or last < first:
        return None
    return round((last - first) / timedelta(milliseconds=1), 3)


def short(value: Any) -> str:
    """`value` as a short text: one that is one, or a whole number; else the empty text."""
    if isinstance(value, str):
        return value[:_MOST_CHARS]
    return str(value) if type(value) is int and abs(value) < 2**63 else ""


def first(*values: Any) -> str:
    """The first of `values` that is a short text, and not an empty one."""
    return next((said for value in values if (said := short(value))), "")


def limit(value: Any) -> int | None:
    """`value` if it is a limit of tokens that the store can hold."""
    return value if type(value) is int and 0 <= value < 2**32 else None


def named(**texts: Any) -> dict[str, str]:
    """The attributes that have a text; the first `_` of a name stands for a point: `litellm_call_id`."""
    return {name.replace("_", ".", 1): said for name, value in texts.items() if (said := short(value))}


def host_of(url: Any) -> str:
    """The host of an address, with the port where it is not the usual one; empty if there is none."""
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return (host if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{port}")[:_MOST_CHARS]


_STATUSES: Final = {401: "auth", 403: "auth", 408: "timeout", 429: "rate_limited"}


def status_of_http(http_status: int) -> str:
    """The status of an attempt of which no more is known than this HTTP status of an error; 0: not even that."""
    if http_status < 400:
        return "unknown"
    return _STATUSES.get(http_status, "server_error" if http_status >= 500 else "invalid_request")


def http_status_of(value: Any) -> int:
    """The HTTP status of an error that a number or a text names; 0 if it names none."""
    written = short(value)
    return int(written) if re.fullmatch(r"[45]\d\d", written) else 0
