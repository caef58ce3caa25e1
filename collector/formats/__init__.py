"""What the HTTP intake understands, by path; a format is imported when its routes are made."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from collector.formats.format import Format

FORMATS: Final = {
    "/v1/events": "collector.formats.ndjson:Ndjson",
}


def open_format(path: str) -> Format:
    """The format of `path`, one of `FORMATS`."""
    module, _, kind = FORMATS[path].partition(":")
    found: Format = getattr(import_module(module), kind)()
    return found
