"""Embedders, one file each. An embedder's module offers `open_embedder(config)`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from analyzers.config import AnalyzersConfig
    from analyzers.embedders.embedder import Embedder

EMBEDDERS: Final = {
    "static": "analyzers.embedders.static",
    "sentence_transformers": "analyzers.embedders.sentence_transformers",
}


def open_embedder(config: AnalyzersConfig) -> Embedder:
    """The embedder that `config` names. Raises EmbedderError."""
    embedder: Embedder = import_module(EMBEDDERS[config.embedder]).open_embedder(config)
    return embedder
