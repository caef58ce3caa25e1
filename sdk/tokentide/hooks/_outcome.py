"""From an HTTP status, a provider's error code or an exception to the event's status."""

from __future__ import annotations

import asyncio
from typing import Final

from tokentide.hooks.provider import Failure

_OF_HTTP: Final = {401: "auth", 403: "auth", 408: "timeout", 429: "rate_limited"}
_OF_EXCEPTION: Final = (
    ("timeout", ("TimeoutException", "TimeoutError")),
    ("cancelled", ("CancelledError", "Cancelled", "KeyboardInterrupt", "SystemExit")),
    ("network", ("TransportError", "OSError")),
)
_LEFT: Final = (GeneratorExit, asyncio.CancelledError, KeyboardInterrupt, SystemExit)


def status_of(http_status: int, error: type[BaseException] | None, failure: Failure) -> str:
    """What became of an attempt. An exception of the HTTP library says more than the status that came before it."""
    if error is not None and error is not GeneratorExit:
        names = {parent.__name__ for parent in error.__mro__}
        return next((status for status, known in _OF_EXCEPTION if names.intersection(known)), "unknown")
    if http_status in _OF_HTTP:
        return _OF_HTTP[http_status]
    if failure.code or http_status >= 400:
        return failure.status or ("server_error" if http_status < 400 or http_status >= 500 else "invalid_request")
    return "ok" if http_status else "unknown"


def stream_outcome(is_complete: bool, error: type[BaseException] | None) -> str:
    """How a stream went. Its own end mark decides: how it was closed says nothing, clients close finished streams."""
    if is_complete:
        return "complete"
    return "abandoned" if error is not None and issubclass(error, _LEFT) else "broken"
