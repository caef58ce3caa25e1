"""Instants of a record as the store reads them: with a capital T and Z, where RFC 3339 allows small ones too."""

from __future__ import annotations

import re
from typing import Final

from collector.pinning import fields_of, said, written

_IS_SMALL: Final = {
    name: re.compile(rb'"%s"[ \t\r\n]*:[ \t\r\n]*"[^"tz]*[tz]' % name.encode())
    for name in ("started_at", "reported_at")
}


def with_capitals(body: bytes, name: str) -> bytes:
    """The record, whose field `name` was read as an instant, with that in capitals. Most need no more than a glance."""
    if not _IS_SMALL[name].search(body):
        return body
    try:
        fields = fields_of(body) or {}
    except RecursionError:  # the decoder of events takes what is deeper
        return body
    # What was seen may be the field of another object in it.
    instant = said(fields[name])
    return body if instant == instant.upper() else written(fields, {name: instant.upper()})
