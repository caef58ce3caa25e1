"""What the HTTP intake understands, by path; a format is imported when its routes are made."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from collector.config import CollectorConfig
from collector.formats.format import Format

FORMATS: Final = {
    "/v1/events": "collector.formats.ndjson:Ndjson",
    "/v1/traces": "collector.formats.otlp:Otlp",
    "/v1/litellm": "collector.formats.litellm:LiteLLM",
}


def open_format(path: str, config: CollectorConfig) -> Format:
    """The format of `path`, one of `FORMATS`, under the collector's settings."""
    module, _, kind = FORMATS[path].partition(":")
    found: Format = getattr(import_module(module), kind)(config)
    return found
