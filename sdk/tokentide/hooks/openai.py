"""OpenAI: chat completions, completions, responses and embeddings, and every server that speaks the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from tokentide.hooks import openai_hosts, openai_media, stainless
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
    "rate_limit_exceeded": "rate_limited",
    "429": "rate_limited",
    "server_error": "server_error",
    "401": "auth",
    "403": "auth",
    "408": "timeout",
}
_TOO_LONG: Final = "maximum context length"
_DEPLOYMENT: Final = re.compile(r"/deployments/([^/]+)/")
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
        reported_cost=cost_in(document.get("usage")),
    )


def chat_tokens(usage: Any) -> dict[str, int]:
    """Inclusive counts from the usage of a chat completion; {} without one.

    What was written to the cache, for however long, is counted as the short kind. DeepSeek names what was read from it
    outside the details. xAI counts reasoning beside the completion: the total shows it.
    """
    prompt = count(dig(usage, "prompt_tokens"))
    if prompt is None:
        return {}
    asked, answered = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    completion, reasoning = count(usage.get("completion_tokens")), whole(dig(answered, "reasoning_tokens"))
    if completion is not None and usage.get("total_tokens") == prompt + completion + reasoning:
        completion += reasoning
    return counts(
        input_tokens=prompt,
        cache_read_tokens=whole(dig(asked, "cached_tokens")) or whole(usage.get("prompt_cache_hit_tokens")),
        cache_write_5m_tokens=whole(dig(asked, "cache_write_tokens")) or None,
        output_tokens=completion,
        reasoning_tokens=reasoning,
        input_audio_tokens=whole(dig(asked, "audio_tokens")) or None,
        input_image_tokens=whole(dig(asked, "image_tokens")) or None,
        output_audio_tokens=whole(dig(answered, "audio_tokens")) or None,
    )


def _chat_fold(events: Iterable[Document]) -> Document:
    """The completion that a stream's chunks add up to (of its first choice). Groq hides the usage in `x_groq`."""
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    finish_reason = None
    for event in events:
        folded |= {key: event[key] for key in _CHAT_KEYS if event.get(key) is not None}
        if usage := mapping(dig(event, "x_groq", "usage")):
            folded["usage"] = usage
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


def _completion_prompt(request: Document) -> str:
    return plain_text(request.get("prompt"))


def _completion_answer(document: Document) -> Answer:
    said = text(dig(document, "choices", 0, "text"))
    return replace(_chat_answer(document), text=said)


def _completion_fold(events: Iterable[Document]) -> Document:
    """The completion that a stream's chunks add up to (of its first choice)."""
    kept = list(events)
    choices = [choice for choice in (dig(event, "choices", 0) for event in kept) if dig(choice, "index") in (None, 0)]
    reasons = [reason for choice in choices if (reason := dig(choice, "finish_reason"))]
    said = "".join(text(dig(choice, "text")) for choice in choices)
    return {**_chat_fold(kept), "choices": [{"text": said, "finish_reason": reasons[-1] if reasons else None}]}


def _completion_has_content(event: Document) -> bool:
    return any(text(dig(choice, "text")) for choice in items(event.get("choices")))


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
        reported_cost=cost_in(document.get("usage")),
    )


def response_tokens(usage: Any) -> dict[str, int]:
    """Inclusive counts from the usage of a response; {} without one."""
    asked = count(dig(usage, "input_tokens"))
    if asked is None:
        return {}
    return counts(
        input_tokens=asked,
        cache_read_tokens=whole(dig(usage, "input_tokens_details", "cached_tokens")),
        cache_write_5m_tokens=whole(dig(usage, "input_tokens_details", "cache_write_tokens")) or None,
        output_tokens=count(usage.get("output_tokens")),
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

    Azure names its content filter under `innererror`.
    """
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
        path="/responses/compact",
        plain_path="/v1/responses/compact",
        operation="responses",
        prompt=_response_prompt,
        answer=_response_answer,
    ),
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
