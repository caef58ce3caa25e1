"""Google's errors, which are the same whatever language was spoken to its servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokentide.hooks import limits
from tokentide.hooks.document import count, dig, items, text, word
from tokentide.hooks.provider import Document, Failure

_STATUS_OF_CODE: Final = {
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "auth",
    "RESOURCE_EXHAUSTED": "rate_limited",
    "DEADLINE_EXCEEDED": "timeout",
    "CANCELLED": "cancelled",
    "INTERNAL": "server_error",
    "UNAVAILABLE": "server_error",
}
_TOO_LONG: Final = ("exceeds the maximum number of tokens", "maximum context length")


def is_one(error: Any) -> bool:
    """Whether an error is Google's, by the name that its code has beside the number."""
    return count(dig(error, "code")) is not None and word(dig(error, "status")).isupper()


def failure(document: Document) -> Failure:
    """From `{"error": {"code", "status", "message", "details"}}`, or from a prompt that was blocked."""
    blocked = word(dig(document, "promptFeedback", "blockReason"))
    error = document.get("error")
    code, message = word(dig(error, "status")), text(dig(error, "message"))
    details = items(dig(error, "details"))
    if blocked and not code:
        return Failure(blocked, "content_filter")
    wait = next((limits.duration_ms(delay) for detail in details if (delay := text(dig(detail, "retryDelay")))), None)
    if any(dig(detail, "reason") == "API_KEY_INVALID" for detail in details):
        return Failure("API_KEY_INVALID", "auth")
    is_too_long = any(words in message for words in _TOO_LONG)
    return Failure(code, "context_length" if is_too_long else _STATUS_OF_CODE.get(code, ""), wait, _quotas(details))


def _quotas(details: Sequence[Any]) -> Mapping[str, int]:
    """The limits that were hit, of a minute or of a day: the first one of tokens and the first one of requests."""
    found: dict[str, int] = {}
    for violation in (each for detail in details for each in items(dig(detail, "violations"))):
        name = f"{text(dig(violation, 'quotaMetric'))} {text(dig(violation, 'quotaId'))}".lower()
        kind = next((kind for kind in ("tokens", "requests") if kind[:-1] in name), "")
        said = dig(violation, "quotaValue")  # a text, as large numbers are in Google's JSON
        most = limits.count(said) if isinstance(said, str) else count(said)
        if kind and most is not None:
            found.setdefault(f"limit_{kind}", most)
    return found
