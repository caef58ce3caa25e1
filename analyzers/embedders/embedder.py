"""What an embedder is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
"""One row per text, of Euclidean length 1, or all zeros for a text that says nothing to the embedder."""


class EmbedderError(Exception):
    """The embedder cannot be opened; the message says what to install or to set."""


class Embedder(Protocol):
    """Turns texts into vectors: texts that mean the same lie close together. Needs no network."""

    @property
    def id(self) -> str:
        """Changes whenever the vectors of the same text could; vectors of different ids are never compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of `texts`, in their order; the same text always gets the same vector up to rounding."""
        ...


def normalised(vectors: Vectors) -> Vectors:
    """`vectors` scaled to length 1; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
