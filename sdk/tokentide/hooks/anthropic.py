"""Anthropic: the Messages API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tokentide.hooks import limits, stainless
from tokentide.hooks.content import last_user_turn
from tokentide.hooks.document import counts, dig, items, mapping, text, whole, word
from tokentide.hooks.provider import Answer, Document, Endpoint, Failure, Headers, Provider

_STATUS_OF_CODE: Final = {
    "rate_limit_error": "rate_limited",
    "overloaded_error": "server_error",
    "api_error": "server_error",
    "timeout_error": "timeout",
    "authentication_error": "auth",
    "permission_error": "auth",
}
_TOO_LONG: Final = ("prompt is too long", "exceed context limit", "maximum context length")
_CONTENT_DELTAS: Final = ("text_delta", "input_json_delta", "thinking_delta")


def _prompt(request: Document) -> str:
    return last_user_turn(request.get("messages"))


def _answer(document: Document) -> Answer:
    blocks = (text(dig(block, "text")) for block in items(document.get("content")) if dig(block, "type") == "text")
    return Answer(
        response_id=text(document.get("id")),
        model=text(document.get("model")),
        finish_reason=text(document.get("stop_reason")),
        service_tier=text(dig(document, "usage", "service_tier")),
        text="".join(blocks),
        usage=mapping(document.get("usage")),
        tokens=message_tokens(document.get("usage")),
    )


def message_tokens(usage: Any) -> dict[str, int]:
    """Inclusive counts from a message's usage, which counts what was read from and written to the cache apart.

    What was written without a time to live is the five-minute kind, the API's default. {} without a usage.
    """
    if not isinstance(usage, dict) or "input_tokens" not in usage:
        return {}
    read = whole(usage.get("cache_read_input_tokens"))
    written = whole(usage.get("cache_creation_input_tokens"))
    hour = whole(dig(usage, "cache_creation", "ephemeral_1h_input_tokens"))
    return counts(
        input_tokens=whole(usage.get("input_tokens")) + read + written,
        cache_read_tokens=read,
        cache_write_5m_tokens=max(0, written - hour),
        cache_write_1h_tokens=min(hour, written),
        output_tokens=whole(usage["output_tokens"]) if "output_tokens" in usage else None,
        reasoning_tokens=whole(dig(usage, "output_tokens_details", "thinking_tokens")) or None,
    )


def _fold(events: Iterable[Document]) -> Document:
    """The message that a stream's events add up to; a later usage wins over an earlier one, count by count.

    The output tokens of the first event are a placeholder: they are known when the last but one has come.
    """
    folded: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    pieces: list[str] = []
    for event in events:
        for part in (event.get("message"), event.get("delta") if event.get("type") == "message_delta" else None):
            folded |= {key: value for key, value in (mapping(part) or {}).items() if value is not None}
        first = dict(mapping(dig(event, "message", "usage")) or {})
        first.pop("output_tokens", None)
        for counted in (first, mapping(event.get("usage")) or {}):
            usage |= {key: value for key, value in counted.items() if value is not None}
        pieces.append(text(dig(event, "delta", "text")))
        if event.get("type") == "error":
            folded["error"] = event.get("error")
    return folded | {"usage": usage, "content": [{"type": "text", "text": "".join(pieces)}]}


def _has_content(event: Document) -> bool:
    return event.get("type") == "content_block_delta" and dig(event, "delta", "type") in _CONTENT_DELTAS


def _is_end(event: Document) -> bool:
    return event.get("type") == "message_stop"


def _failure(document: Document) -> Failure:
    code = word(dig(document, "error", "type"))
    message = text(dig(document, "error", "message")).lower()
    if any(words in message for words in _TOO_LONG):
        return Failure(code, "context_length")
    if "content filtering" in message:
        return Failure(code, "content_filter")
    return Failure(code, _STATUS_OF_CODE.get(code, ""))


def _limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    """The limits of requests and tokens; where only input tokens are limited, theirs."""

    def said(name: str) -> str:
        return headers.get(f"anthropic-ratelimit-{name}", "")

    def tokens(name: str) -> str:
        return said(f"tokens-{name}") or said(f"input-tokens-{name}")

    return limits.known(
        limit_requests=limits.count(said("requests-limit")),
        remaining_requests=limits.count(said("requests-remaining")),
        reset_requests_ms=limits.until_ms(said("requests-reset"), now),
        limit_tokens=limits.count(tokens("limit")),
        remaining_tokens=limits.count(tokens("remaining")),
        reset_tokens_ms=limits.until_ms(tokens("reset"), now),
    )


PROVIDER: Final = Provider(
    name="anthropic",
    loops=stainless.loops("anthropic"),
    hosts={"api.anthropic.com": "anthropic"},
    request_id_header="request-id",
    endpoints=(
        Endpoint(
            path="/v1/messages",
            plain_path="/v1/messages",
            is_ours=lambda request: "anthropic-version" in request.headers,
            operation="messages",
            prompt=_prompt,
            answer=_answer,
            fold=_fold,
            has_content=_has_content,
            is_end=_is_end,
        ),
    ),
    failure=_failure,
    limits=_limits,
)
