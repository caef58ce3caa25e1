"""One POST to a receiver, and what its answer means."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from alerts.channels.channel import DeliveryFailed, Reason, RetryLater

TIMEOUT_S: Final = 5.0
_RETRY_STATUSES: Final = frozenset({408, 425, 429})

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, and an address may be a secret


def post(url: str, body: bytes, headers: Mapping[str, str], now: datetime, timeout_s: float = TIMEOUT_S) -> None:
    """POST `body` as JSON; returns when the answer is 2xx. The answer's body is not read.

    Raises RetryLater (no answer, 408, 425, 429, 5xx) or DeliveryFailed (every other answer, or an impossible address).
    """
    sent = {"content-type": "application/json", "user-agent": "tokentide", **headers}
    try:
        with httpx.stream("POST", url, content=body, headers=sent, timeout=timeout_s) as answer:
            status, retry_after = answer.status_code, answer.headers.get("retry-after", "")
    except httpx.TimeoutException as error:
        raise RetryLater("timeout", f"{redacted(url)} did not answer within {timeout_s:g} s") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise DeliveryFailed("client_error", f"{redacted(url)} is not an address to post to") from error
    except httpx.TransportError as error:
        raise RetryLater("network", f"{redacted(url)} cannot be reached ({type(error).__name__})") from error
    if 200 <= status < 300:
        return
    message = f"{redacted(url)} answered {status}"
    if status in _RETRY_STATUSES or status >= 500:
        raise RetryLater(reason_of(status), message, retry_wait(retry_after, now))
    raise DeliveryFailed(reason_of(status), message)


def reason_of(status: int) -> Reason:
    """The reason that an HTTP status other than 2xx stands for."""
    if status in (401, 403, 407):
        return "auth"
    if status == 429:
        return "rate_limited"
    if status == 408:
        return "timeout"
    return "server_error" if status >= 500 else "client_error"


def retry_wait(retry_after: str, now: datetime) -> timedelta | None:
    """The wait that a Retry-After header asks for (seconds or an HTTP date); None when it is absent or unreadable."""
    if retry_after.strip().isdecimal():
        return timedelta(seconds=min(int(retry_after), 86_400))
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return max(at - now, timedelta(0))


def redacted(url: str) -> str:
    """Scheme, host and port of `url`: credentials, path and query may be secrets."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return "the configured address"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.host}{port}"


def rfc3339(at: datetime) -> str:
    """`at` as RFC 3339 in UTC with milliseconds."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
