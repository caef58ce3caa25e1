"""Texts and ids of a LiteLLM payload: its messages and answers have the form of the API that was called."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from tokentide.hooks.content import last_user_turn, plain_text
from tokentide.hooks.document import dig, items, text

from collector.formats.second_hand import short

# What LiteLLM writes in the place of a text that it must not log.
_REDACTED: Final = "redacted-by-litellm"
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_OF_RESPONSES: Final = re.compile(r"litellm:custom_llm_provider:[^;]*;model_id:[^;]*;response_id:([^;]+)")


def asked(messages: Any) -> str:
    """What the user said last, of chat messages, of the input of responses or of a prompt."""
    said = messages if isinstance(messages, str) else last_user_turn(messages)
    return "" if said.strip() == _REDACTED else said


def answered(response: Any) -> str:
    """The text of an answer of any of the APIs."""
    if isinstance(response, str):
        said = response
    else:
        choice = dig(response, "choices", 0)
        parts = [part for item in items(dig(response, "output")) for part in items(dig(item, "content"))]
        said = (
            plain_text(dig(choice, "message", "content"))
            or text(dig(choice, "text"))
            or plain_text(parts)
            or plain_text(dig(response, "content"))
        )
    return "" if said.strip() == _REDACTED else said


def response_id(identity: str) -> str:
    """The provider's id of the answer. LiteLLM wraps the ids of the responses API in one of its own."""
    try:
        wrapped = base64.b64decode(identity.removeprefix("resp_"), validate=True).decode()
    except (binascii.Error, ValueError):
        return identity
    found = _OF_RESPONSES.match(wrapped)
    return found[1] if found else identity


def trace_id(value: Any) -> str:
    """A trace id of 32 hexadecimal digits, which LiteLLM writes as a UUID; any other is none of W3C's."""
    written = short(value).replace("-", "").lower()
    return written if _TRACE_ID.fullmatch(written) else ""
