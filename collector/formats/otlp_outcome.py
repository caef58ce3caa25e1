"""How the call of a span went, in the closed words of the event."""

from __future__ import annotations

from typing import Any, Final

from tokentide.hooks.document import text, word

from collector.formats import otlp_names as names
from collector.formats.otlp_spans import Span
from collector.formats.otlp_usage import count

_MOST_CHARS: Final = 256
_OF_HTTP: Final = {401: "auth", 403: "auth", 408: "timeout", 429: "rate_limited", 499: "cancelled"}
# What the name of an error has in it, without case and punctuation; the first that fits decides.
_OF_ERROR: Final = (
    ("ratelimit", "rate_limited"),
    ("toomanyrequests", "rate_limited"),
    ("throttl", "rate_limited"),
    ("resourceexhausted", "rate_limited"),
    ("quota", "rate_limited"),
    ("timeout", "timeout"),
    ("timedout", "timeout"),
    ("deadline", "timeout"),
    ("cancel", "cancelled"),
    ("abort", "cancelled"),
    ("contextlength", "context_length"),
    ("contextwindow", "context_length"),
    ("contentfilter", "content_filter"),
    ("contentpolicy", "content_filter"),
    ("authentication", "auth"),
    ("permission", "auth"),
    ("unauthorized", "auth"),
    ("unauthenticated", "auth"),
    ("forbidden", "auth"),
    ("accessdenied", "auth"),
    ("badrequest", "invalid_request"),
    ("invalid", "invalid_request"),
    ("validation", "invalid_request"),
    ("notfound", "invalid_request"),
    ("unprocessable", "invalid_request"),
    ("conflict", "invalid_request"),
    ("internalserver", "server_error"),
    ("servererror", "server_error"),
    ("unavailable", "server_error"),
    ("overloaded", "server_error"),
    ("badgateway", "server_error"),
    ("connect", "network"),
    ("network", "network"),
    ("socket", "network"),
    ("protocol", "network"),
)


def outcome(span: Span) -> dict[str, Any]:
    """The outcome fields of an event."""
    error = _error(span)
    http_status = _as_http_status(count(span.attributes.get("http_status")) or error)
    fields: dict[str, Any] = {"status": _status(span.is_error, error, http_status)}
    if http_status is not None:
        fields["http_status"] = http_status
    if error:
        fields["error_code"] = error
    if reason := _finish_reason(span.attributes.get("finish_reason")):
        fields["finish_reason"] = reason
    return fields


def _error(span: Span) -> str:
    """The type of the error, where it is a single word: a sentence may quote what was asked."""
    holders = (span.attributes, *(event.attributes for event in span.events if event.name == names.EXCEPTION))
    return next((said for holder in holders if (said := word(holder.get("error_code")))), "")


def _as_http_status(said: int | str) -> int | None:
    """The status that an attribute says, or the type of an error, which may be one."""
    number = int(said) if str(said).isdecimal() else 0
    return number if 100 <= number < 600 else None


def _status(is_error: bool, error: str, http_status: int | None) -> str:
    if http_status in _OF_HTTP:
        return _OF_HTTP[http_status]
    if not (is_error or error or (http_status or 0) >= 400):
        return "ok"
    plain = "".join(filter(str.isalnum, error)).lower()
    found = next((status for part, status in _OF_ERROR if part in plain), "")
    if found or http_status is None or http_status < 400:
        return found or "unknown"
    return "invalid_request" if http_status < 500 else "server_error"


def _finish_reason(said: Any) -> str:
    """Why the model stopped; of several choices the first."""
    return text(next(iter(said), "") if isinstance(said, list) else said)[:_MOST_CHARS]
