"""OpenAI: responses, decisions, and the tokens of a response that are counted before it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tokentide.hooks.content import last_user_turn, plain_text
from tokentide.hooks.document import count, counts, dig, items, mapping, text, whole
from tokentide.hooks.openai_hosts import cost_in
from tokentide.hooks.provider import Answer, Document, Endpoint

_FINAL: Final = ("response.completed", "response.incomplete", "response.failed")
_UNFINISHED: Final = ("queued", "in_progress")
_NO_CONTENT: Final[tuple[object, ...]] = (None, "", [], {})


def _prompt(request: Document) -> str:
    asked = request.get("input")
    return asked if isinstance(asked, str) else last_user_turn(asked)


def _answer(document: Document) -> Answer:
    contents = (dig(item, "content") for item in items(document.get("output")) if dig(item, "type") == "message")
    said = text(document.get("text_so_far")) or "".join(plain_text(content) for content in contents)
    status = text(document.get("status"))
    return Answer(
        response_id=text(document.get("id")),
        model=text(document.get("model")),
        finish_reason=text(dig(document, "incomplete_details", "reason")) or ("" if status in _UNFINISHED else status),
        service_tier=text(document.get("service_tier")),
        text=said,
        usage=_usage(document),
        tokens=response_tokens(document.get("usage")),
        reported_cost=cost_in(document.get("usage")),
    )


def _usage(document: Document) -> Document | None:
    """The usage, and beside it what a tool's own model used for making images: that is not part of the counts."""
    usage, tools = mapping(document.get("usage")), document.get("tool_usage")
    if usage is None or not count(dig(tools, "image_gen", "total_tokens")):
        return usage
    return {**usage, "tool_usage": tools}


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


def _fold(events: Iterable[Document]) -> Document:
    """The response of the last event that carries one; until it is completed, with the text streamed so far.

    Of a last event that is too long to be kept whole, the type alone may be known: it says the status too.
    """
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    for event in events:
        said, kind = mapping(event.get("response")), text(event.get("type"))
        folded |= said or {}
        if kind in _FINAL and said is None:
            folded["status"] = kind.removeprefix("response.")
        elif kind == "response.output_text.delta":
            pieces.append(text(event.get("delta")))
        elif kind == "error":
            folded["error"] = mapping(event.get("error")) or event
    return folded if folded.get("output") else folded | {"text_so_far": "".join(pieces)}


def _has_content(event: Document) -> bool:
    return text(event.get("type")).endswith(".delta") and event.get("delta") not in _NO_CONTENT


def _is_end(event: Document) -> bool:
    return event.get("type") in _FINAL


def _no_prompt(request: Document) -> str:
    """What is counted is kept when it is asked."""
    return ""


def _count_answer(document: Document) -> Answer:
    """The counted tokens; nothing was generated."""
    asked = count(document.get("input_tokens"))
    if asked is None:
        return Answer()
    return Answer(usage=document, tokens={"input_tokens": asked, "output_tokens": 0})


ENDPOINTS: Final = (
    Endpoint(
        path="/responses",
        plain_path="/v1/responses",
        operation="responses",
        prompt=_prompt,
        answer=_answer,
        fold=_fold,
        has_content=_has_content,
        is_end=_is_end,
    ),
    Endpoint(
        path="/responses/compact",
        plain_path="/v1/responses/compact",
        operation="responses",
        prompt=_prompt,
        answer=_answer,
    ),
    Endpoint(
        path="/responses/input_tokens",
        plain_path="/v1/responses/input_tokens",
        operation="count_tokens",
        prompt=_no_prompt,
        answer=_count_answer,
    ),
    Endpoint(
        path="/decisions",
        plain_path="/v1/decisions",
        operation="responses",
        prompt=_prompt,
        answer=_answer,
    ),
)
