"""OpenAI: chat completions, responses and embeddings, and every server that speaks the same (Azure among them)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tokentide.hooks import limits, stainless
from tokentide.hooks.content import last_user_turn, plain_text
from tokentide.hooks.document import counts, dig, items, mapping, text, whole, word
from tokentide.hooks.provider import Answer, Document, Endpoint, Failure, Headers, Provider

_STATUS_OF_CODE: Final = {
    "context_length_exceeded": "context_length",
    "string_above_max_length": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "rate_limit_exceeded": "rate_limited",
    "server_error": "server_error",
}
_FINAL_RESPONSES: Final = ("response.completed", "response.incomplete", "response.failed")
_NO_CONTENT: Final[tuple[object, ...]] = (None, "", [], {})


def _chat_prompt(request: Document) -> str:
    return last_user_turn(request.get("messages"))


def _chat_answer(document: Document) -> Answer:
    choice = dig(document, "choices", 0)
    return Answer(
        response_id=text(document.get("id")),
        model=text(document.get("model")),
        finish_reason=text(dig(choice, "finish_reason")) or text(document.get("finish_reason")),
        service_tier=text(document.get("service_tier")),
        text=plain_text(dig(choice, "message", "content")) or text(dig(choice, "message", "refusal")),
        usage=mapping(document.get("usage")),
        tokens=chat_tokens(document.get("usage")),
    )


def chat_tokens(usage: Any) -> dict[str, int]:
    """Inclusive counts from the usage of a chat completion; {} without one.

    What was written to the cache, for however long, is counted as the short kind.
    """
    if not isinstance(usage, dict) or "prompt_tokens" not in usage:
        return {}
    asked, answered = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return counts(
        input_tokens=whole(usage.get("prompt_tokens")),
        cache_read_tokens=whole(dig(asked, "cached_tokens")),
        cache_write_5m_tokens=whole(dig(asked, "cache_write_tokens")) or None,
        output_tokens=whole(usage.get("completion_tokens")),
        reasoning_tokens=whole(dig(answered, "reasoning_tokens")),
        input_audio_tokens=whole(dig(asked, "audio_tokens")) or None,
        input_image_tokens=whole(dig(asked, "image_tokens")) or None,
        output_audio_tokens=whole(dig(answered, "audio_tokens")) or None,
    )


def _chat_fold(events: Iterable[Document]) -> Document:
    """The completion that a stream's chunks add up to (of its first choice)."""
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    finish_reason = None
    for event in events:
        folded.update({key: event[key] for key in _CHAT_KEYS if event.get(key) is not None})
        choice = dig(event, "choices", 0)
        if dig(choice, "index") in (None, 0):
            pieces.append(text(dig(choice, "delta", "content")) or text(dig(choice, "delta", "refusal")))
            finish_reason = dig(choice, "finish_reason") or finish_reason
    return folded | {"choices": [{"message": {"content": "".join(pieces)}, "finish_reason": finish_reason}]}


_CHAT_KEYS: Final = ("id", "model", "service_tier", "usage", "error")


def _chat_has_content(event: Document) -> bool:
    deltas = (dig(choice, "delta") for choice in items(event.get("choices")))
    return any(
        value not in _NO_CONTENT for delta in deltas for key, value in (mapping(delta) or {}).items() if key != "role"
    )


def _chat_is_end(event: Document) -> bool:
    return event.get("type") == "[DONE]"


def _response_prompt(request: Document) -> str:
    asked = request.get("input")
    return asked if isinstance(asked, str) else last_user_turn(asked)


def _response_answer(document: Document) -> Answer:
    contents = (dig(item, "content") for item in items(document.get("output")) if dig(item, "type") == "message")
    said = text(document.get("text_so_far")) or "".join(plain_text(content) for content in contents)
    return Answer(
        response_id=text(document.get("id")),
        model=text(document.get("model")),
        finish_reason=text(dig(document, "incomplete_details", "reason")) or text(document.get("status")),
        service_tier=text(document.get("service_tier")),
        text=said,
        usage=mapping(document.get("usage")),
        tokens=response_tokens(document.get("usage")),
    )


def response_tokens(usage: Any) -> dict[str, int]:
    """Inclusive counts from the usage of a response; {} without one."""
    if not isinstance(usage, dict) or "input_tokens" not in usage:
        return {}
    return counts(
        input_tokens=whole(usage.get("input_tokens")),
        cache_read_tokens=whole(dig(usage, "input_tokens_details", "cached_tokens")),
        cache_write_5m_tokens=whole(dig(usage, "input_tokens_details", "cache_write_tokens")) or None,
        output_tokens=whole(usage.get("output_tokens")),
        reasoning_tokens=whole(dig(usage, "output_tokens_details", "reasoning_tokens")),
    )


def _response_fold(events: Iterable[Document]) -> Document:
    """The response of the last event that carries one; until it is completed, with the text streamed so far."""
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    for event in events:
        folded |= mapping(event.get("response")) or {}
        if event.get("type") == "response.output_text.delta":
            pieces.append(text(event.get("delta")))
        elif event.get("type") == "error":
            folded["error"] = mapping(event.get("error")) or event
    return folded if folded.get("output") else folded | {"text_so_far": "".join(pieces)}


def _response_has_content(event: Document) -> bool:
    return text(event.get("type")).endswith(".delta") and event.get("delta") not in _NO_CONTENT


def _response_is_end(event: Document) -> bool:
    return event.get("type") in _FINAL_RESPONSES


def _embedding_prompt(request: Document) -> str:
    asked = request.get("input")
    return asked if isinstance(asked, str) else "\n".join(text(part) for part in items(asked))


def _embedding_answer(document: Document) -> Answer:
    """An embedding has no output tokens, so their count is known to be zero once a usage is there."""
    usage = document.get("usage")
    return Answer(
        model=text(document.get("model")),
        usage=mapping(usage),
        tokens=counts(input_tokens=whole(usage.get("prompt_tokens")), output_tokens=0)
        if isinstance(usage, dict) and "prompt_tokens" in usage
        else {},
    )


def _failure(document: Document) -> Failure:
    """From `{"error": {"code", "type", "message"}}`; Azure nests the content filter's verdict under `innererror`."""
    error = document.get("error")
    code = word(dig(error, "code")) or word(dig(error, "type"))
    inner = "content_filter" if "ContentPolicy" in text(dig(error, "innererror", "code")) else ""
    return Failure(code, inner or _STATUS_OF_CODE.get(code, ""))


def _limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    def said(name: str) -> str:
        return headers.get(f"x-ratelimit-{name}", "")

    return limits.known(
        limit_requests=limits.count(said("limit-requests")),
        remaining_requests=limits.count(said("remaining-requests")),
        reset_requests_ms=limits.duration_ms(said("reset-requests")),
        limit_tokens=limits.count(said("limit-tokens")),
        remaining_tokens=limits.count(said("remaining-tokens")),
        reset_tokens_ms=limits.duration_ms(said("reset-tokens")),
    )


PROVIDER: Final = Provider(
    name="openai",
    loops=stainless.loops("openai"),
    hosts={"api.openai.com": "openai", "openai.azure.com": "azure"},
    request_id_header="x-request-id",
    endpoints=(
        Endpoint(
            path="/chat/completions",
            plain_path="/chat/completions",
            operation="chat",
            prompt=_chat_prompt,
            answer=_chat_answer,
            fold=_chat_fold,
            has_content=_chat_has_content,
            is_end=_chat_is_end,
        ),
        Endpoint(
            path="/responses",
            plain_path="/v1/responses",
            operation="responses",
            prompt=_response_prompt,
            answer=_response_answer,
            fold=_response_fold,
            has_content=_response_has_content,
            is_end=_response_is_end,
        ),
        Endpoint(
            path="/embeddings",
            plain_path="/v1/embeddings",
            operation="embeddings",
            prompt=_embedding_prompt,
            answer=_embedding_answer,
        ),
    ),
    failure=_failure,
    limits=_limits,
)
