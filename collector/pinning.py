"""Whose an event is when its token says so: the record's `team` and `app`, whatever it says itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

_REPORT_ID: Final = "report_id"
# A report speaks for a process, which has no team.
_OF_A_REPORT: Final = frozenset({"app"})

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


def pinned(record: bytes, pins: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
    """The record with the fields of `pins` set, and those of them that it named differently itself.

    What is not a JSON object stays as it is: it cannot become a row. What can be read here in no way might still be
    read elsewhere, so it comes back in brackets, which cannot become a row either.
    """
    try:
        found = fields_of(record)
    except RecursionError:  # how deep is too deep depends on who reads it
        return b"[" + record + b"]", ()
    if found is None:
        return record, ()
    names = _OF_A_REPORT & pins.keys() if next(iter(found), None) == _REPORT_ID else pins.keys()
    differed = tuple(name for name in names if name in found and said(found[name]) not in ("", pins[name]))
    return written(found, {name: pins[name] for name in names}), differed


def with_team(event: bytes, team: str) -> bytes:
    """The event, which is a JSON object, as one of `team`. Raises RecursionError where it is nested too deeply."""
    return written(fields_of(event) or {}, {"team": team})


def fields_of(record: bytes) -> dict[str, msgspec.Raw] | None:
    """The fields of a JSON object, their values as they are written; None of anything else. Raises RecursionError."""
    try:
        return _object.decode(record)
    except UnicodeDecodeError:
        # In a name that nobody asks for, the decoder of events would not mind.
        return fields_of(record.decode("utf-8", "replace").encode())
    except msgspec.DecodeError:
        return None


def written(fields: dict[str, msgspec.Raw], texts: Mapping[str, str]) -> bytes:
    """The record of these fields, with `texts` in their places."""
    return msgspec.json.encode(fields | {name: msgspec.Raw(msgspec.json.encode(text)) for name, text in texts.items()})


def said(value: msgspec.Raw) -> str:
    """The text of a field; of anything else, which the decoder refuses, its bytes."""
    try:
        return _text.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return bytes(value).decode("utf-8", "replace")
