"""Anthropic: the Messages API, at Anthropic and through Google's and Microsoft's clouds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from tokentide.hooks import limits, openai_hosts, stainless
from tokentide.hooks.content import last_user_turn
from tokentide.hooks.document import count, counts, dig, items, mapping, text, whole, word
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
_NO_GEO: Final = "not_available"
_CONTENT_DELTAS: Final = ("text_delta", "input_json_delta", "thinking_delta")
_MODEL: Final = re.compile(r"/models/(?!count-tokens:)([^/:]+):")
_REGION: Final = re.compile(r"([a-z0-9-]+)-aiplatform\.|aiplatform\.([a-z]+)\.rep\.|[a-z-]+\.([a-z0-9-]+)\.api\.aws")


def _prompt(request: Document) -> str:
    return last_user_turn(request.get("messages"))


def answer(document: Document) -> Answer:
    """What a message says."""
    blocks = (text(dig(block, "text")) for block in items(document.get("content")) if dig(block, "type") == "text")
    usage = document.get("usage")
    geo = text(dig(usage, "inference_geo"))
    return Answer(
        response_id=text(document.get("id")),
        model=_fallback_model(usage) or text(document.get("model")),
        finish_reason=text(document.get("stop_reason")),
        service_tier="fast" if dig(usage, "speed") == "fast" else text(dig(usage, "service_tier")),
        text="".join(blocks),
        usage=mapping(usage),
        tokens=message_tokens(usage),
        reported_cost=openai_hosts.cost_in(usage),
        region="" if geo == _NO_GEO else geo,
    )


def _iterations(usage: Any, kind: str) -> list[Document]:
    """What the parts of a message's usage that are of one kind say."""
    return [each for each in items(dig(usage, "iterations")) if dig(each, "type") == kind]


def _fallback_model(usage: Any) -> str:
    """The model that answered in the place of the one that declined: a stream has begun with that one's name."""
    return next((text(each.get("model")) for each in reversed(_iterations(usage, "fallback_message"))), "")


def _no_prompt(request: Document) -> str:
    """What is counted is kept when it is asked."""
    return ""


def _count_answer(document: Document) -> Answer:
    """The counted tokens; nothing was generated."""
    is_count = "input_tokens" in document
    counted = counts(input_tokens=whole(document.get("input_tokens")), output_tokens=0) if is_count else {}
    return Answer(usage=document if is_count else None, tokens=counted)


def message_tokens(usage: Any) -> dict[str, int]:
    """Inclusive counts from a message's usage, which counts what was read from and written to the cache apart.

    What was written without a time to live is the five-minute kind, the API's default. {} without a usage. A usage does
    not contain what it cost to compact the conversation on the way.
    """
    if count(dig(usage, "input_tokens")) is None:
        return {}
    output = count(usage.get("output_tokens"))
    parts = [usage, *_iterations(usage, "compaction")]
    asked, read, written, hour = (sum(column) for column in zip(*map(_input_counts, parts), strict=True))
    compacted = sum(whole(part.get("output_tokens")) for part in parts[1:])
    return counts(
        input_tokens=asked + read + written,
        cache_read_tokens=read,
        cache_write_5m_tokens=written - hour,
        cache_write_1h_tokens=hour,
        output_tokens=None if output is None else output + compacted,
        reasoning_tokens=whole(dig(usage, "output_tokens_details", "thinking_tokens")) or None,
    )


def _input_counts(usage: Document) -> tuple[int, int, int, int]:
    """What was neither read from nor written to the cache, what was read, what was written, and of that for an hour."""
    written = whole(usage.get("cache_creation_input_tokens"))
    hour = whole(dig(usage, "cache_creation", "ephemeral_1h_input_tokens"))
    return (
        whole(usage.get("input_tokens")),
        whole(usage.get("cache_read_input_tokens")),
        written,
        min(hour, written),
    )


def fold(events: Iterable[Document]) -> Document:
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


def has_content(event: Document) -> bool:
    """Whether an event of a stream carries a part of the answer."""
    return event.get("type") == "content_block_delta" and dig(event, "delta", "type") in _CONTENT_DELTAS


def is_end(event: Document) -> bool:
    """Whether an event is the last of a whole stream."""
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


def _model_in_path(path: str) -> str:
    found = _MODEL.search(path)
    return unquote(found[1]) if found else ""


def _region(host: str, headers: Headers) -> str:
    """The region in the names of Google's and Amazon's hosts."""
    found = _REGION.match(host)
    return next(filter(None, found.groups()), "") if found else ""


def _is_versioned(request: Any) -> bool:
    """Paths like `/v1/messages` are not only Anthropic's, but its API wants this header."""
    return "anthropic-version" in request.headers


def _endpoint(path: str) -> Endpoint:
    return Endpoint(
        path=path,
        plain_path=path,
        is_ours=_is_versioned,
        operation="messages",
        prompt=_prompt,
        answer=answer,
        fold=fold,
        has_content=has_content,
        is_end=is_end,
        model_in_path=_model_in_path,
    )


def _counting(path: str) -> Endpoint:
    return replace(_endpoint(path), operation="count_tokens", answer=_count_answer, prompt=_no_prompt)


PROVIDER: Final = Provider(
    name="anthropic",
    loops=stainless.loops("anthropic"),
    hosts={**openai_hosts.SERVERS, "googleapis.com": "gcp.vertex_ai"},
    request_id_header="request-id",
    other_request_id_headers=("x-request-id",),
    endpoints=(
        _endpoint("/v1/messages"),
        _counting("/v1/messages/count_tokens"),
        _counting("/models/count-tokens:rawPredict"),
        _endpoint(":rawPredict"),
        _endpoint(":streamRawPredict"),
    ),
    failure=_failure,
    limits=_limits,
    region=_region,
)
