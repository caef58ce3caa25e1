"""Reading JSON of uncertain shape: what is missing or of another type is simply not there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from tokentide.hooks.provider import Document

_CUT_KEYS: Final = ("id", "model", "usage", "service_tier", "finish_reason", "stop_reason", "status")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_decode = json.JSONDecoder().raw_decode


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


def whole(value: Any) -> int:
    """`value` if it is a believable count, else 0."""
    return value if type(value) is int and 0 <= value < 2**53 else 0


def counts(**named: int | None) -> dict[str, int]:
    """The counts that are known: None is left out."""
    return {name: count for name, count in named.items() if count is not None}


def parse(body: bytes) -> Document | None:
    """The JSON object in `body`; None when it is not one."""
    try:
        return mapping(json.loads(body))
    except ValueError:
        return None


def parse_cut(head: bytes, tail: bytes) -> Document:
    """What can still be read of an object whose middle was not kept: its first id and model, its last usage.

    Keys are found by their text. A quotation mark inside a JSON string is escaped, so a string cannot look like a key.
    """
    said = (head + b"\x00" + tail).decode("utf-8", "ignore")
    found: dict[str, Any] = {}
    for key in _CUT_KEYS:
        places = [match.end() for match in re.finditer(rf'(?<!\\)"{key}"\s*:\s*', said)]
        for place in places if key in ("id", "model") else reversed(places):
            try:
                found[key] = _decode(said, place)[0]
            except ValueError:
                continue
            if found[key] is not None:
                break
    return found
