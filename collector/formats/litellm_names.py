"""How LiteLLM names what is asked of a model, in its payloads and in its spans."""

from __future__ import annotations

from typing import Final

_OPERATIONS: Final = {
    "completion": "chat",
    "text_completion": "completions",
    "responses": "responses",
    "compact_responses": "responses",
    "anthropic_messages": "messages",
    "generate_content": "generate_content",
    "generate_content_stream": "generate_content",
    "embedding": "embeddings",
    "image_generation": "images",
    "image_edit": "images",
    "image_variation": "images",
    "transcription": "audio",
    "speech": "audio",
    "moderation": "moderations",
    "rerank": "rerank",
    "ocr": "ocr",
}


def operation_of(call_type: str) -> str:
    """What the function that LiteLLM names so asks for, else `unknown`. Its asynchronous twin begins with an `a`."""
    return _OPERATIONS.get(call_type) or _OPERATIONS.get(call_type.removeprefix("a"), "unknown")
