"""Reading JSON of uncertain shape: what is missing or of another type is simply not there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tokentide.hooks.provider import Document

ANSWER_KEYS: Final = (
    "id",
    "model",
    "usage",
    "service_tier",
    "finish_reason",
    "stop_reason",
    "status",
    "incomplete_details",
    "tool_usage",
    "meta",
    "usage_info",
    "usageMetadata",
    "modelVersion",
    "responseId",
    "finishReason",
    "done_reason",
    "prompt_eval_count",
    "eval_count",
)
# What a document says of itself at its beginning; its parts may have the same keys.
_FIRST: Final = ("type", "id", "model", "status", "incomplete_details")
REQUEST_KEYS: Final = ("model", "stream", "temperature", "max_completion_tokens", "max_output_tokens", "max_tokens")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
# Wholes and their parts; the parts of one line exclude each other.
_PARTS: Final = (
    ("input_tokens", ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")),
    ("input_tokens", ("input_audio_tokens", "input_image_tokens")),
    ("cache_read_tokens", ("cache_read_audio_tokens",)),
    ("output_tokens", ("reasoning_tokens",)),
    ("output_tokens", ("output_audio_tokens", "output_image_tokens")),
)
_MOST: Final = 1e15
_MOST_DOLLARS: Final = 10**6
_SMALLEST_DOLLARS: Final = Decimal("1e-12")
_decode, _whole = json.JSONDecoder().raw_decode, json.JSONDecoder().decode


def dig(value: Any, *keys: str | int) -> Any:
    """The value at the end of a path of object keys and list positions; None when the path ends early."""
    for key in keys:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def text(value: Any) -> str:
    """`value` if it is a text, else the empty one."""
    return value if isinstance(value, str) else ""


def word(value: Any) -> str:
    """`value` if it is a single short word, as a code is, else the empty text: a sentence may quote what was asked."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def items(value: Any) -> Sequence[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def mapping(value: Any) -> Document | None:
    """`value` if it is an object."""
    return value if isinstance(value, dict) else None


def count(value: Any) -> int | None:
    """`value` if it is a believable count."""
    return value if type(value) is int and 0 <= value < 2**53 else None


def whole(value: Any) -> int:
    """`value` if it is a believable count, else 0."""
    return count(value) or 0


def number(value: Any) -> float | None:
    """`value` if it is a number that is finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= _MOST else None


def dollars(value: Any) -> Decimal | None:
    """The amount of money that a number, or a text that is one, says. None if it is none or not believable."""
    try:
        amount = Decimal(value if isinstance(value, str) else repr(number(value)))
    except ArithmeticError:
        return None
    # Never NaN, which no comparison holds for, and never smaller than the store's last digit.
    if not amount.is_finite() or not 0 <= amount <= _MOST_DOLLARS:
        return None
    return abs(amount.quantize(_SMALLEST_DOLLARS).normalize())


def counts(**named: int | None) -> dict[str, int]:
    """The counts that are known: None is left out."""
    return {name: count for name, count in named.items() if count is not None}


def within(tokens: Mapping[str, int]) -> dict[str, int]:
    """The counts, where the parts of a whole that add up to more than it are cut to what fits into it."""
    kept = dict(tokens)
    for whole_name, parts in _PARTS:
        room = kept.get(whole_name)
        for part in parts:
            if room is not None and part in kept:
                kept[part] = min(kept[part], room)
                room -= kept[part]
    return kept


def load(body: bytes) -> Any:
    """The JSON value in `body`; None when it is none."""
    try:
        # As `json.loads` would, which first looks which encoding it is: JSON on the wire is UTF-8 (RFC 8259).
        said = body.decode("utf-8", "surrogatepass")
        if said.startswith("{"):  # what most are, and nothing around it
            value, end = _decode(said)
            if end == len(said):
                return value
        return _whole(said.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def parse(body: bytes) -> Document | None:
    """The JSON object in `body`; None when it is not one."""
    return mapping(load(body))


def dump(value: Any) -> str:
    """`value` as JSON without spaces; empty if it nests too deeply."""
    try:
        return json.dumps(value, separators=(",", ":"))
    except RecursionError:
        return ""


def parse_cut(head: bytes, tail: bytes, keys: Sequence[str] = ANSWER_KEYS) -> Document:
    """What can still be read of an object whose middle was not kept: what stands first of `keys` that a document has at
    its beginning, of the others what stands last.

    Keys are found by their text. A quotation mark inside a JSON string is escaped, so a string cannot look like a key.
    """
    said = (head + b"\x00" + tail).decode("utf-8", "ignore")
    found: dict[str, Any] = {}
    for key in keys:
        places = [match.end() for match in re.finditer(rf'(?<!\\)"{key}"\s*:\s*', said)]
        for place in places if key in _FIRST else reversed(places):
            try:
                value = _decode(said, place)[0]
            except (ValueError, RecursionError):
                continue
            if value is not None:
                found[key] = value
                break
    return found
