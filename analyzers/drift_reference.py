"""Frozen references: the first texts of each group, kept as vectors of one embedder and a sample of the texts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from analyzers.embedders.embedder import Vectors, normalised
from store.connection import Store
from store.sql import load

_KEPT_TEXTS: Final = 200
_KEPT_CHARACTERS: Final = 300
_COLUMNS: Final = ["team", "app", "kind", "embedder", "frozen_at", "samples", "vectors", "texts"]


class Group(NamedTuple):
    """Whose texts are compared with each other; `kind` is prompt or response."""

    team: str
    app: str
    kind: str


@dataclass(frozen=True, slots=True)
class FrozenReference:
    """The vectors of a group's first texts; `texts` belong to the first of them."""

    vectors: Vectors
    texts: Sequence[str]


def freeze(
    store: Store, group: Group, embedder: str, vectors: Vectors, texts: Sequence[str], last_at: datetime
) -> None:
    """Keep `vectors` as the reference of `group`; the last of its texts was said at `last_at`. Raises StoreError."""
    complete_at = last_at + timedelta(milliseconds=1)  # the column holds milliseconds, `last_at` has microseconds
    encoded = base64.b64encode(vectors.astype("<f2").tobytes()).decode("ascii")
    kept = [text[:_KEPT_CHARACTERS] for text in texts[:_KEPT_TEXTS]]
    row = (*group, embedder, complete_at, len(vectors), encoded, kept)
    store.insert("drift_references", list(_COLUMNS), [row])


def references(store: Store, embedder: str) -> Mapping[Group, FrozenReference]:
    """Every reference in vectors of `embedder`. Raises StoreError."""
    rows = store.query(load("analyzers", "drift_references"), {"embedder": embedder}).rows
    return {
        Group(team, app, kind): FrozenReference(_decoded(encoded, samples), texts)
        for team, app, kind, samples, encoded, texts in rows
    }


def _decoded(encoded: str, samples: int) -> Vectors:
    halves = np.frombuffer(base64.b64decode(encoded), "<f2")
    return normalised(halves.reshape(samples, -1).astype(np.float32))
