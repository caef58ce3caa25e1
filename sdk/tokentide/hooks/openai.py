"""OpenAI: chat completions, completions and embeddings, and every server that speaks the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from tokentide.hooks import google_errors, openai_hosts, openai_media, openai_responses, stainless
from tokentide.hooks.content import last_user_turn, plain_text
from tokentide.hooks.document import count, counts, dig, items, mapping, text, whole, word
from tokentide.hooks.openai_hosts import cost_in
from tokentide.hooks.provider import Answer, Document, Endpoint, Failure, Provider

_STATUS_OF_CODE: Final = {
    "context_length_exceeded": "context_length",
    "string_above_max_length": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "contentFilter": "content_filter",
    "moderation_blocked": "content_filter",
    "image_content_policy_violation": "content_filter",
    "bio_policy": "content_filter",
    "misalignment_policy_violation": "content_filter",
    "rate_limit_exceeded": "rate_limited",
    "429": "rate_limited",
    "server_error": "server_error",
    "401": "auth",
    "403": "auth",
    "408": "timeout",
    "vector_store_timeout": "timeout",
    # Of a response that failed because of what was asked, although its HTTP status is 200.
    **dict.fromkeys(
        (
            "invalid_prompt",
            "data_residency_mismatch",
            "invalid_image",
            "invalid_image_format",
            "invalid_base64_image",
            "invalid_image_url",
            "invalid_image_mode",
            "image_too_large",
            "image_too_small",
            "image_parse_error",
            "image_file_too_large",
            "image_file_not_found",
            "unsupported_image_media_type",
            "empty_image_file",
            "failed_to_download_image",
        ),
        "invalid_request",
    ),
}
_TOO_LONG: Final = "maximum context length"
_DEPLOYMENT: Final = re.compile(r"/deployments/([^/]+)/")
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
        reported_cost=cost_in(document.get("usage")),
    )


def chat_tokens(usage: Any) -> dict[str, int]:
    """Inclusive counts from the usage of a chat completion; {} without one.

    What was written to the cache, for however long, is counted as the short kind. DeepSeek and Moonshot name what was
    read from it outside the details, LiteLLM what was written. xAI counts reasoning beside the completion, which the
    total shows, and so does Perplexity, whose total leaves it out.
    """
    prompt = count(dig(usage, "prompt_tokens"))
    if prompt is None:
        return {}
    asked, answered = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    completion = count(usage.get("completion_tokens"))
    reasoning = _said((answered, "reasoning_tokens"), (usage, "reasoning_tokens"))
    written = ((asked, "cache_write_tokens"), (asked, "cache_creation_tokens"), (usage, "cache_creation_input_tokens"))
    is_beside = "num_search_queries" in usage or usage.get("total_tokens") == prompt + (completion or 0) + reasoning
    if completion is not None and is_beside:
        completion += reasoning
    return counts(
        input_tokens=prompt,
        cache_read_tokens=_said((asked, "cached_tokens"), (usage, "prompt_cache_hit_tokens"), (usage, "cached_tokens")),
        cache_write_5m_tokens=_said(*written) or None,
        output_tokens=completion,
        reasoning_tokens=reasoning,
        input_audio_tokens=whole(dig(asked, "audio_tokens")) or None,
        input_image_tokens=whole(dig(asked, "image_tokens")) or None,
        output_audio_tokens=whole(dig(answered, "audio_tokens")) or None,
        output_image_tokens=whole(dig(answered, "image_tokens")) or None,
    )


def _said(*places: tuple[Any, str]) -> int:
    """The count at the first of these places that has one other than 0."""
    return next((counted for place, key in places if (counted := whole(dig(place, key)))), 0)


def _chat_fold(events: Iterable[Document]) -> Document:
    """The completion that a stream's chunks add up to (of its first choice)."""
    folded, said, finish_reason = _first_choice(events, _said_in_delta)
    return folded | {"choices": [{"message": {"content": said}, "finish_reason": finish_reason}]}


def _first_choice(events: Iterable[Document], said: Callable[[Document], str]) -> tuple[dict[str, Any], str, Any]:
    """What a stream's chunks say of the whole, and of its first choice the text, in pieces that `said` finds, and why
    it ended. Groq hides the usage in `x_groq`.
    """
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    finish_reason = None
    for event in events:
        for key in _CHAT_KEYS:
            if event.get(key) is not None:
                folded[key] = event[key]
        if "x_groq" in event and (usage := mapping(dig(event, "x_groq", "usage"))):
            folded["usage"] = usage
        choice = mapping(dig(event, "choices", 0)) or _NOTHING
        if choice.get("index") in (None, 0):
            pieces.append(said(choice))
            finish_reason = choice.get("finish_reason") or finish_reason
    return folded, "".join(pieces), finish_reason


def _said_in_delta(choice: Document) -> str:
    delta = mapping(choice.get("delta")) or _NOTHING
    return text(delta.get("content")) or text(delta.get("refusal"))


_NOTHING: Final[Document] = {}
_CHAT_KEYS: Final = ("id", "model", "service_tier", "usage", "error")


def _chat_has_content(event: Document) -> bool:
    deltas = (dig(choice, "delta") for choice in items(event.get("choices")))
    return any(
        value not in _NO_CONTENT for delta in deltas for key, value in (mapping(delta) or {}).items() if key != "role"
    )


def _chat_is_end(event: Document) -> bool:
    """Perplexity sends no end mark: its last event says why the model stopped, and the usage."""
    has_usage = mapping(event.get("usage")) is not None
    return event.get("type") == "[DONE]" or (has_usage and bool(dig(event, "choices", 0, "finish_reason")))


def _completion_prompt(request: Document) -> str:
    return plain_text(request.get("prompt"))


def _completion_answer(document: Document) -> Answer:
    said = text(dig(document, "choices", 0, "text"))
    return replace(_chat_answer(document), text=said)


def _completion_fold(events: Iterable[Document]) -> Document:
    """The completion that a stream's chunks add up to (of its first choice)."""
    folded, said, finish_reason = _first_choice(events, lambda choice: text(choice.get("text")))
    return {**folded, "choices": [{"text": said, "finish_reason": finish_reason}]}


def _completion_has_content(event: Document) -> bool:
    return any(text(dig(choice, "text")) for choice in items(event.get("choices")))


def _embedding_prompt(request: Document) -> str:
    return plain_text(request.get("input"))


def _embedding_answer(document: Document) -> Answer:
    """An embedding has no output tokens, so their count is known to be zero once a usage is there."""
    usage = document.get("usage")
    asked = count(dig(usage, "prompt_tokens"))
    return Answer(
        model=text(document.get("model")),
        usage=mapping(usage),
        tokens={} if asked is None else {"input_tokens": asked, "output_tokens": 0},
        reported_cost=cost_in(usage),
    )


def _failure(document: Document) -> Failure:
    """From `{"error": {"code", "type", "message"}}`, or the same unwrapped; OpenRouter's code is an HTTP status.

    Azure names its content filter under `innererror`; Gemini and Vertex AI have Google's errors. Of a response that
    failed at the end of a long stream, the error may not be kept: its status remains.
    """
    if document.get("error") is None and document.get("status") == "failed":
        return Failure("failed", "server_error")
    if google_errors.is_one(document.get("error")):
        return google_errors.failure(document)
    error = document if document.get("object") == "error" else document.get("error")
    said = dig(error, "code")
    code = word(said) or word(dig(error, "type")) or (str(said) if count(said) else "")
    if "ResponsibleAI" in text(dig(error, "innererror", "code")):
        return Failure(code, "content_filter")
    if _TOO_LONG in text(dig(error, "message")):
        return Failure(code, "context_length")
    return Failure(code, _STATUS_OF_CODE.get(code, ""))


def _deployment(path: str) -> str:
    """Azure's name for a model, which is in the path."""
    found = _DEPLOYMENT.search(path)
    return unquote(found[1]) if found else ""


_ENDPOINTS: Final = (
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
        path="/completions",
        plain_path="/v1/completions",
        operation="completions",
        prompt=_completion_prompt,
        answer=_completion_answer,
        fold=_completion_fold,
        has_content=_completion_has_content,
        is_end=_chat_is_end,
    ),
    *openai_responses.ENDPOINTS,
    Endpoint(
        path="/embeddings",
        plain_path="/v1/embeddings",
        operation="embeddings",
        prompt=_embedding_prompt,
        answer=_embedding_answer,
    ),
    *openai_media.ENDPOINTS,
)

PROVIDER: Final = Provider(
    name="openai",
    loops=stainless.loops("openai"),
    hosts=openai_hosts.HOSTS,
    request_id_header="apim-request-id",
    other_request_id_headers=("x-request-id", "x-generation-id"),
    endpoints=tuple(replace(endpoint, model_in_path=_deployment) for endpoint in _ENDPOINTS),
    failure=_failure,
    limits=openai_hosts.rate_limits,
    region=openai_hosts.region,
    reported_cost=openai_hosts.cost_beside,
)
