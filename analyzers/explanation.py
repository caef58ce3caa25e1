"""Findings of drift in one plain sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from math import log, sqrt
from typing import Final

import numpy as np

from analyzers.drift_reference import FrozenReference
from analyzers.drift_test import Comparison
from analyzers.embedders.embedder import Vectors

_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_CLEAR: Final = 1.96
_EXAMPLE_CHARACTERS: Final = 80
_FUNCTION_WORDS: Final = frozenset(
    resources.files("analyzers").joinpath("function_words.txt").read_text("utf-8").split()
)


def explain_novelty(
    kind: str, texts: Sequence[str], vectors: Vectors, comparison: Comparison, reference: FrozenReference
) -> str:
    """Which share of the texts is new, the words that mark them, and the most novel one beside the nearest known."""
    novel = [texts[position] for position in comparison.novel]
    return (
        f"an estimated {_percent(comparison.novel_share)} (95 % interval {_percent(comparison.novel_low)} to "
        f"{_percent(comparison.novel_high)}) of {len(texts)} {kind}s are unlike the reference"
        f"{_words(novel, reference.texts)}; for example “{shortened(novel[0], _EXAMPLE_CHARACTERS)}”"
        f"{_nearest(vectors[int(comparison.novel[0])], reference)}"
    )


def _nearest(vector: Vectors, reference: FrozenReference) -> str:
    """The text of the reference that is nearest to `vector`; nothing when its texts were deleted since."""
    known = [position for position, text in enumerate(reference.texts) if text]
    if not known:
        return ""
    nearest = reference.texts[known[int(np.argmax(reference.vectors[known] @ vector))]]
    return f", where the nearest of the reference is “{shortened(nearest, _EXAMPLE_CHARACTERS)}”"


def explain_shift(kind: str, texts: Sequence[str], comparison: Comparison, reference: FrozenReference) -> str:
    """How far known subjects have moved, and the words that mark the change."""
    return (
        f"the mix of {len(texts)} {kind}s has moved by {comparison.shift_sd:.2f} standard deviations from the reference"
        f"{_words(texts, reference.texts)}"
    )


def characteristic_terms(texts: Sequence[str], others: Sequence[str], most: int = 5) -> list[str]:
    """Up to `most` words that are in clearly more of `texts` than of `others`, the clearest first.

    A word counts once per text; English function words do not count. Clear is a log-odds ratio (0.5 added to each
    count, Haldane 1940) of at least 1.96 standard errors, from at least two texts.
    """
    here, there = _texts_with(texts), _texts_with(others)
    scores = {
        word: _log_odds_z(count, len(texts), there[word], len(others)) for word, count in here.items() if count >= 2
    }
    clear = [word for word in scores if scores[word] >= _CLEAR]
    return sorted(clear, key=lambda word: (-scores[word], word))[:most]


def shortened(text: str, most: int) -> str:
    """`text` on one line, cut to `most` characters with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _words(texts: Sequence[str], others: Sequence[str]) -> str:
    terms = characteristic_terms(texts, others)
    return f"; characteristic words: {', '.join(terms)}" if terms else ""


def _texts_with(texts: Sequence[str]) -> Counter[str]:
    return Counter(word for text in texts for word in set(_WORD.findall(text.lower())) - _FUNCTION_WORDS)


def _log_odds_z(here: int, of_here: int, there: int, of_there: int) -> float:
    a, b, c, d = here + 0.5, of_here - here + 0.5, there + 0.5, of_there - there + 0.5
    return (log(a / b) - log(c / d)) / sqrt(1 / a + 1 / b + 1 / c + 1 / d)
