"""Amazon's event stream (`application/vnd.amazon.eventstream`), in which Bedrock streams its answers.

A message is a prelude (the length of the whole, the length of the headers, the CRC-32 of these two), headers, a payload
and the CRC-32 of everything before it; numbers are big-endian. This is how botocore reads it too.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Mapping
from typing import Final
from zlib import crc32

from tokentide.hooks.document import parse, text
from tokentide.hooks.provider import Document

_PRELUDE: Final = struct.Struct(">III")
_CHECKED: Final = 8
_SMALLEST: Final = _PRELUDE.size + 4
_LARGEST: Final = 2**24 - 1  # so the first byte of a length is a zero, which JSON never contains
_TEXT: Final = 7
_BYTES: Final = 6
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def split_messages(data: bytes) -> list[bytes]:
    """The messages in `data`; the last item is what has not ended yet.

    Bytes that are no message, because the beginning of one is missing for example, are one item up to the next one.
    """
    messages, place = [], 0
    while len(data) - place >= _PRELUDE.size:
        length = _length_at(data, place)
        end = place + length if length else _next_message(data, place + 1)
        if end > len(data):
            break
        messages.append(data[place:end])
        place = end
    return [*messages, data[place:]]


def message_event(message: bytes) -> Document | None:
    """What one message says, None if it is damaged.

    A part of a model's own answer (`chunk`) is that part; any other event is `{its type: its payload}`, as in botocore.
    An exception is `{"type": "error", "error": {"type", "message"}}`, which is Anthropic's form of it.
    """
    if len(message) < _SMALLEST or _length_at(message, 0) != len(message):
        return None
    if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
        return None
    payload_start = _PRELUDE.size + int.from_bytes(message[4:_CHECKED], "big")
    headers = _headers(message[_PRELUDE.size : payload_start])
    payload = parse(message[payload_start:-4]) or {}
    if headers.get(":message-type") in ("exception", "error"):
        code = headers.get(":exception-type") or headers.get(":error-code", "")
        said = text(payload.get("message")) or headers.get(":error-message", "")
        return {"type": "error", "error": {"type": code, "message": said}}
    kind = headers.get(":event-type", "")
    return _chunk(payload) if kind == "chunk" else {kind: payload}


def _chunk(payload: Document) -> Document | None:
    try:
        return parse(binascii.a2b_base64(text(payload.get("bytes"))))
    except ValueError:
        return None


def _length_at(data: bytes, place: int) -> int:
    """The length of the message that begins here; 0 if none does."""
    length, headers, checksum = _PRELUDE.unpack_from(data, place)
    is_prelude = _SMALLEST <= length <= _LARGEST and headers <= length - _SMALLEST
    return length if is_prelude and crc32(data[place : place + _CHECKED]) == checksum else 0


def _next_message(data: bytes, place: int) -> int:
    """Where the next message begins at or after `place`, or could begin with bytes that are still to come."""
    last = len(data) - _PRELUDE.size
    while 0 <= (found := data.find(b"\0", place)) <= last:
        if _length_at(data, found):
            return found
        place = found + 1
    return max(place, last + 1)


def _headers(data: bytes) -> Mapping[str, str]:
    """The headers that are texts, up to the first that is damaged."""
    headers: dict[str, str] = {}
    place = 0
    try:
        while place < len(data):
            name_end = place + 1 + data[place]
            kind, value_start = data[name_end], name_end + 1
            if kind in (_TEXT, _BYTES):
                value_start += 2
                value_end = value_start + int.from_bytes(data[value_start - 2 : value_start], "big")
            else:
                value_end = value_start + _SIZES[kind]
            if kind == _TEXT:
                headers[data[place + 1 : name_end].decode("utf-8", "replace")] = data[value_start:value_end].decode(
                    "utf-8", "replace"
                )
            place = value_end
    except (IndexError, KeyError):
        return headers
    return headers
