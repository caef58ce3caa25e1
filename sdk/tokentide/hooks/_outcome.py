"""From an HTTP status, a provider's error code or an exception to the event's status.

Exceptions are known by the names of their classes: none of the libraries that raise them is imported for it.
"""

from __future__ import annotations

from typing import Final

from tokentide.hooks.provider import Failure

_OF_HTTP: Final = {401: "auth", 403: "auth", 408: "timeout", 429: "rate_limited"}
_OF_EXCEPTION: Final = {
    "TimeoutException": "timeout",
    "TimeoutError": "timeout",
    "ConnectTimeoutError": "timeout",
    "ReadTimeoutError": "timeout",
    "CancelledError": "cancelled",
    "Cancelled": "cancelled",
    "KeyboardInterrupt": "cancelled",
    "SystemExit": "cancelled",
    "TransportError": "network",
    "ServerTimeoutError": "timeout",
    "ClientConnectionError": "network",
    "ClientPayloadError": "network",
    "ConnectionError": "network",
    "HTTPClientError": "network",
    "ProtocolError": "network",
    "OSError": "network",
    "DecodingError": "server_error",
}


def status_of(http_status: int, error: type[BaseException] | None, failure: Failure) -> str:
    """What became of an attempt. An exception of the HTTP library says more than the status that came before it.

    One that is not known says nothing about an answer that was an error by itself.
    """
    if error is not None and error is not GeneratorExit:
        status = _status_of_exception(error)
        if status != "unknown" or http_status < 400:
            return status
    if http_status in _OF_HTTP:
        return _OF_HTTP[http_status]
    if failure.code or http_status >= 400:
        return failure.status or ("server_error" if http_status < 400 or http_status >= 500 else "invalid_request")
    return "ok" if http_status else "unknown"


def stream_outcome(is_complete: bool, error: type[BaseException] | None) -> str:
    """How a stream went. Its own end mark decides: how it was closed says nothing, clients close finished streams."""
    if is_complete:
        return "complete"
    was_left = error is not None and (error is GeneratorExit or _status_of_exception(error) == "cancelled")
    return "abandoned" if was_left else "broken"


def _status_of_exception(error: type[BaseException]) -> str:
    """By the most special of its classes that is known: a timeout is an OSError too, but first of all a timeout."""
    known = (_OF_EXCEPTION.get(parent.__name__) for parent in error.__mro__)
    return next((status for status in known if status), "unknown")
