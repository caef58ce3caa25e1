"""OpenAI's images, audio and moderations. What an endpoint does not answer, its model among it, stays unknown."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tokentide.hooks.content import plain_text
from tokentide.hooks.document import count, counts, dig, mapping, text, whole
from tokentide.hooks.openai_hosts import cost_in
from tokentide.hooks.provider import Answer, Document, Endpoint

_MODERATION: Final = ("omni-moderation", "text-moderation")
_ENDS: Final = (
    "image_generation.completed",
    "image_edit.completed",
    "transcript.text.done",
    "transcription.done",
    "speech.audio.done",
)
_PIECES: Final = ("transcript.text.delta", "transcription.text.delta")
_CONTENT: Final = (
    *_PIECES,
    "image_generation.partial_image",
    "image_edit.partial_image",
    "speech.audio.delta",
)


def media_tokens(usage: Any, speaks: str = "") -> dict[str, int]:
    """Inclusive counts from a usage with its modalities; {} without one, or for one in seconds.

    Where the output is not itemised, all of it is of the modality that the endpoint `speaks`: `image` or `audio`.
    Mistral counts a transcription as it counts a chat.
    """
    is_chat = dig(usage, "input_tokens") is None
    asked = count(dig(usage, "prompt_tokens" if is_chat else "input_tokens"))
    if asked is None:
        return {}
    answered = count(usage.get("completion_tokens" if is_chat else "output_tokens"))
    parts = mapping(usage.get("input_tokens_details")) or mapping(usage.get("input_token_details")) or {}
    spoken = mapping(usage.get("output_tokens_details")) or ({f"{speaks}_tokens": answered} if speaks else {})
    return counts(
        input_tokens=asked,
        cache_read_tokens=whole(parts.get("cached_tokens")) or None,
        output_tokens=answered,
        input_audio_tokens=whole(parts.get("audio_tokens")) or None,
        input_image_tokens=whole(parts.get("image_tokens")) or None,
        output_audio_tokens=whole(spoken.get("audio_tokens")) or None,
        output_image_tokens=whole(spoken.get("image_tokens")) or None,
    )


def _answer(speaks: str, document: Document) -> Answer:
    usage = document.get("usage")
    return Answer(
        model=text(document.get("model")),
        text=text(document.get("text")),
        usage=mapping(usage),
        tokens=media_tokens(usage, speaks),
        reported_cost=cost_in(usage),
    )


def _fold(events: Iterable[Document]) -> Document:
    """What the last event says; until a transcript is done, with the text streamed so far."""
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    for event in events:
        said = {key: event[key] for key in ("model", "usage", "text", "error") if event.get(key) is not None}
        if event.get("type") in _PIECES:
            pieces.append(text(event.get("delta")) or text(said.pop("text", "")))
        folded |= said
    return {"text": "".join(pieces), **folded}


def _has_content(event: Document) -> bool:
    return event.get("type") in _CONTENT


def _is_end(event: Document) -> bool:
    return event.get("type") in _ENDS


def _asked(key: str, request: Document) -> str:
    return plain_text(request.get(key))


def _moderation(document: Document) -> Answer:
    """OpenAI's own moderation models cost nothing and count nothing; those of other servers count their input."""
    model = text(document.get("model"))
    usage = document.get("usage")
    asked = count(dig(usage, "prompt_tokens"))
    return Answer(
        response_id=text(document.get("id")),
        model=model,
        usage=mapping(usage),
        tokens={} if asked is None else {"input_tokens": asked, "output_tokens": 0},
        reported_cost=Decimal(0) if model.startswith(_MODERATION) else cost_in(usage),
    )


def _endpoint(path: str, operation: str, key: str, speaks: str = "") -> Endpoint:
    return Endpoint(
        path=path,
        plain_path=f"/v1{path}",
        operation=operation,
        prompt=partial(_asked, key),
        answer=partial(_answer, speaks),
        fold=_fold,
        has_content=_has_content,
        is_end=_is_end,
    )


ENDPOINTS: Final = (
    _endpoint("/images/generations", "images", "prompt", "image"),
    _endpoint("/images/edits", "images", "prompt", "image"),
    _endpoint("/images/variations", "images", "prompt", "image"),
    _endpoint("/audio/transcriptions", "audio", "prompt"),
    _endpoint("/audio/translations", "audio", "prompt"),
    _endpoint("/audio/speech", "audio", "input", "audio"),
    Endpoint(
        path="/moderations",
        plain_path="/v1/moderations",
        operation="moderations",
        prompt=partial(_asked, "input"),
        answer=_moderation,
    ),
)
