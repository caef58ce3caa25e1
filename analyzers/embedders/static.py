"""The mean of fixed word vectors: the 256 dimensions that the package wordllama carries. Fast, small, English."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import safe_open
from tokenizers import Tokenizer

from analyzers.config import AnalyzersConfig
from analyzers.embedders.embedder import EmbedderError, Vectors, normalised

_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"


class StaticEmbedder:
    """Reads its two files from inside the package; importing wordllama would set up logging and look on the network."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        with safe_open(folder / _WEIGHTS, framework="numpy") as file:
            self._words = file.get_tensor("embedding.weight")
        digest = hashlib.sha256((folder / _WEIGHTS).read_bytes() + (folder / _TOKENIZER).read_bytes()).hexdigest()
        self.id = f"static:l2_supercat_256:{digest[:12]}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Nothing is cut off; a text of white space only has no vector."""
        vectors = np.zeros((len(texts), self._words.shape[1]), np.float32)
        tokens = self._tokenizer.encode_batch([text.strip() for text in texts], add_special_tokens=False)
        for row, encoded in enumerate(tokens):
            if encoded.ids:
                vectors[row] = self._words[encoded.ids].mean(axis=0, dtype=np.float32)
        return normalised(vectors)


def open_embedder(config: AnalyzersConfig) -> StaticEmbedder:
    """The embedder of the installed wordllama. Raises EmbedderError when it is not there or is another release."""
    found = find_spec("wordllama")
    if found is None or found.origin is None:
        raise EmbedderError("the embedder static needs the package wordllama: install it again")
    folder = Path(found.origin).parent
    if missing := [name for name in (_WEIGHTS, _TOKENIZER) if not (folder / name).exists()]:
        raise EmbedderError(f"wordllama does not carry {', '.join(missing)}: install wordllama 0.4")
    return StaticEmbedder(folder)
