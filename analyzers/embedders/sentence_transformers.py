"""Any model folder of sentence-transformers, for example all-MiniLM-L6-v2: slower, and sees finer differences."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from analyzers.config import AnalyzersConfig
from analyzers.embedders.embedder import EmbedderError, Vectors, normalised

_TOKENS: Final = 128
"""Texts are cut here: attention costs grow with length, and runtimes that choose their own limit disagree."""


class SentenceTransformersEmbedder:
    """Runs on the CPU, from files in `folder` only."""

    def __init__(self, model: Any, folder: Path) -> None:
        self._model = model
        self._model.max_seq_length = _TOKENS
        self.id = f"sentence_transformers:{folder.name}:{_digest(folder)}:{_TOKENS}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Each text by its first 128 tokens; a text of white space only has no vector."""
        said = [row for row, text in enumerate(texts) if text.strip()]
        vectors = np.zeros((len(texts), self._model.get_embedding_dimension()), np.float32)
        if said:
            vectors[said] = self._model.encode(
                [texts[row] for row in said], batch_size=32, show_progress_bar=False, convert_to_numpy=True
            )
        return normalised(vectors)


def open_embedder(config: AnalyzersConfig) -> SentenceTransformersEmbedder:
    """The embedder of the folder `embedder_model`. Raises EmbedderError when package or folder are missing."""
    try:
        package = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise EmbedderError(
            'the embedder sentence_transformers needs the extra drift: pip install "tokentide-server[drift]"'
        ) from error
    folder = config.embedder_model
    if folder is None or not (folder / "config.json").exists():
        raise EmbedderError(
            f"embedder_model must be a folder with a sentence-transformers model, and {folder or 'nothing'} is not one"
        )
    return SentenceTransformersEmbedder(
        package.SentenceTransformer(str(folder), device="cpu", local_files_only=True), folder
    )


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted([*folder.rglob("*.safetensors"), *folder.rglob("*.bin"), *folder.rglob("*.json")]):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:12]
