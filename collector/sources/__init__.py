"""Where records come from, by name; a source is imported when it is opened."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from collector.config import CollectorConfig
from collector.record import Source

SOURCES: Final = {
    "http": "collector.sources.http:HttpIntake",
    "kafka": "collector.sources.kafka:KafkaSource",
}


def open_source(name: str, config: CollectorConfig) -> Source:
    """The source `name` of `SOURCES`; raises what that source raises when it cannot be reached."""
    module, _, kind = SOURCES[name].partition(":")
    source: Source = getattr(import_module(module), kind)(config)
    return source
