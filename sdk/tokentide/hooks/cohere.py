"""Cohere: chat and embeddings in versions 1 and 2 of its API, and rerank.

It says both what was read and written and what is billed of it; the counts here are the billed ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tokentide.hooks import limits
from tokentide.hooks.content import last_user_turn, plain_text
from tokentide.hooks.document import counts, dig, items, mapping, text
from tokentide.hooks.provider import Answer, Document, Endpoint, Failure, Headers, Loop, Provider

_STATUS_OF_REASON: Final = {
    "ERROR": "server_error",
    "TIMEOUT": "timeout",
    "ERROR_TOXIC": "content_filter",
    "ERROR_LIMIT": "context_length",
}
_HOSTS: Final = {"cohere.com": "cohere", "cohere.ai": "cohere"}
_CONTENT: Final = (
    "content-delta",
    "tool-plan-delta",
    "tool-call-start",
    "tool-call-delta",
    "text-generation",
    "tool-calls-chunk",
    "tool-calls-generation",
)
_ENDS: Final = ("message-end", "stream-end")


def _is_ours(request: Any) -> bool:
    """The client library names itself; its streams have no retries and so no loop."""
    host = f".{request.url.host}"
    return request.headers.get("x-fern-sdk-name", "") == "cohere" or host.endswith(tuple(f".{end}" for end in _HOSTS))


def billed_tokens(usage: Any, is_embedding: bool = False) -> dict[str, int]:
    """Inclusive counts of what is billed, or where that is not said of what was used; {} without either.

    What came out of the cache is counted where it can be part of what is billed. Images are part of the input.
    """
    used = mapping(dig(usage, "billed_units")) or mapping(dig(usage, "tokens")) or {}
    images = _count(used.get("image_tokens"))
    asked = _count(used.get("input_tokens"))
    if asked is None and images is not None:
        asked = images + (_count(used.get("text_tokens")) or 0)
    if asked is None:
        return {}
    cached = _count(dig(usage, "cached_tokens"))
    return counts(
        input_tokens=asked,
        cache_read_tokens=None if cached is None or cached > asked else cached,
        input_image_tokens=None if images is None or images > asked else images,
        output_tokens=0 if is_embedding else _count(used.get("output_tokens")),
    )


def _count(value: Any) -> int | None:
    """Counts are written as 12 or as 12.0."""
    return int(value) if type(value) in (int, float) and 0 <= value < 2**53 else None


def _chat_prompt(request: Document) -> str:
    return last_user_turn(request.get("messages")) or text(request.get("message"))


def _chat_answer(document: Document) -> Answer:
    usage = mapping(document.get("usage")) or mapping(document.get("meta"))
    said = (plain_text([part]) for part in items(dig(document, "message", "content")))
    return Answer(
        response_id=text(document.get("id")) or text(document.get("response_id")),
        finish_reason=text(document.get("finish_reason")),
        text=text(document.get("text")) or "".join(said),
        usage=usage,
        tokens=billed_tokens(usage),
    )


def _chat_fold(events: Iterable[Document]) -> Document:
    """Version 1 ends with the whole answer; version 2 sends it in parts, the usage in its last event."""
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    for event in events:
        if event.get("id"):
            folded["id"] = event["id"]
        pieces.append(text(dig(event, "delta", "message", "content", "text")) or text(event.get("text")))
        if event.get("type") in _ENDS or event.get("event_type") in _ENDS:
            folded |= mapping(event.get("response")) or mapping(event.get("delta")) or {}
            folded["finish_reason"] = folded.get("finish_reason") or event.get("finish_reason")
    return folded if folded.get("text") else folded | {"text": "".join(pieces)}


def _has_content(event: Document) -> bool:
    return event.get("type") in _CONTENT or event.get("event_type") in _CONTENT


def _is_end(event: Document) -> bool:
    return event.get("type") in _ENDS or event.get("event_type") in _ENDS


def _embedding_prompt(request: Document) -> str:
    parts = (plain_text(dig(asked, "content")) for asked in items(request.get("inputs")))
    return "\n".join([*(text(asked) for asked in items(request.get("texts"))), *parts])


def _embedding_answer(document: Document) -> Answer:
    usage = mapping(document.get("meta"))
    return Answer(response_id=text(document.get("id")), usage=usage, tokens=billed_tokens(usage, is_embedding=True))


def _rerank_prompt(request: Document) -> str:
    return text(request.get("query"))


def _rerank_answer(document: Document) -> Answer:
    """Rerank is paid by the search: there are no tokens."""
    return Answer(response_id=text(document.get("id")), usage=mapping(document.get("meta")))


def _failure(document: Document) -> Failure:
    """An error's body has no code. A generation that fails says so as the reason why it ended."""
    reason = text(document.get("finish_reason"))
    if reason in _STATUS_OF_REASON:
        return Failure(reason, _STATUS_OF_REASON[reason])
    return Failure("", "context_length" if "too many tokens" in text(document.get("message")) else "")


def _limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    return limits.known(
        limit_requests=limits.count(headers.get("x-trial-endpoint-call-limit", "")),
        remaining_requests=limits.count(headers.get("x-trial-endpoint-call-remaining", "")),
    )


def _endpoints(name: str, operation: str, **readers: Any) -> tuple[Endpoint, ...]:
    paths = (f"/v1/{name}", f"/v2/{name}")
    return tuple(
        Endpoint(path=path, plain_path=path, is_ours=_is_ours, operation=operation, **readers) for path in paths
    )


PROVIDER: Final = Provider(
    name="cohere",
    loops=tuple(Loop("cohere.core.http_client", owner, "request") for owner in ("HttpClient", "AsyncHttpClient")),
    hosts=_HOSTS,
    request_id_header="x-debug-trace-id",
    endpoints=(
        *_endpoints(
            "chat",
            "chat",
            prompt=_chat_prompt,
            answer=_chat_answer,
            fold=_chat_fold,
            has_content=_has_content,
            is_end=_is_end,
        ),
        *_endpoints("embed", "embeddings", prompt=_embedding_prompt, answer=_embedding_answer),
        *_endpoints("rerank", "rerank", prompt=_rerank_prompt, answer=_rerank_answer),
    ),
    failure=_failure,
    limits=_limits,
)
