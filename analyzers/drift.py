"""Have the prompts or the responses of an app drifted from what they were when it was first seen?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from analyzers.drift_reference import FrozenReference, Group, freeze, references
from analyzers.drift_test import Comparison, Reference, compare
from analyzers.embedders import open_embedder
from analyzers.embedders.embedder import Vectors
from analyzers.explanation import explain_novelty, explain_shift
from store.connection import Store
from store.sql import load

_MOST: Final = 200
"""More texts would make ever smaller and less interesting differences significant."""
_CHARACTERS: Final = 2000
_REFERENCE_REACH: Final = timedelta(days=7)
_CHANCE: Final = 0.01
"""How often all groups of one window together may show a finding without drift."""
_SMALLEST_NOVEL_SHARE: Final = 0.02
_SMALLEST_SHIFT_SD: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Sample:
    """Texts that have a vector, their vectors, and how many texts were left out because they have none."""

    texts: Sequence[str]
    vectors: Vectors
    unembeddable: int


class DriftAnalyzer:
    """`novel_share`, `shift_sd` and `p_value` per team, app and kind of text (prompt or response).

    The note of one of the first two begins with "drift:" when the difference is both significant and large enough to
    matter. Their value is None while there is not enough data, and the note says how much there is.
    """

    name: Final = "drift"

    def __init__(self, config: AnalyzersConfig) -> None:
        self.every = timedelta(seconds=config.drift_every_s)
        self._span = timedelta(seconds=config.drift_window_s)
        self._reference_samples = config.drift_reference_samples
        self._min_samples = config.drift_min_samples
        self._embedder = open_embedder(config)

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """Compare the texts of the `drift_window_s` up to the end of `window` with their frozen references."""
        span = Window(window.end - self._span, window.end)
        collected = self._freeze_complete_references(store, window.end)
        known = references(store, self._embedder.id)
        measured: list[Measurement] = []
        compared: dict[Group, tuple[_Sample, Comparison]] = {}
        for group, said in self._said(store, "drift_texts", span, _MOST).items():
            sample = self._embedded([text for (text,) in said])
            if group not in known:
                share = f"{collected.get(group, 0)} of {self._reference_samples} texts for the reference"
                measured += _unknown(group, span, sample, share)
            elif len(sample.texts) < self._min_samples:
                measured += _unknown(group, span, sample, f"{len(sample.texts)} of {self._min_samples} texts")
            else:
                reference = Reference.of(known[group].vectors)
                compared[group] = sample, compare(reference, sample.vectors, seed=int(span.end.timestamp()))
        for group, (sample, comparison) in compared.items():
            notes = _notes(group.kind, sample, comparison, known[group], _CHANCE / len(compared))
            measured += _measure(group, span, sample, comparison, *notes)
        return measured

    def _freeze_complete_references(self, store: Store, end: datetime) -> Mapping[Group, int]:
        """Freeze the groups whose reference is complete; returns how many texts the others have so far."""
        first = self._said(store, "drift_first_texts", Window(end - _REFERENCE_REACH, end), self._reference_samples)
        collected = {}
        for group, said in first.items():
            collected[group] = len(said)
            if len(said) == self._reference_samples:
                sample = self._embedded([text for text, _ in said])
                collected[group] = len(sample.texts)
                if len(sample.texts) >= self._min_samples:
                    freeze(store, group, self._embedder.id, sample.vectors, sample.texts, said[-1][1])
        return collected

    def _said(self, store: Store, statement: str, window: Window, most: int) -> Mapping[Group, list[tuple[Any, ...]]]:
        parameters = {
            "start": window.start,
            "end": window.end,
            "embedder": self._embedder.id,
            "characters": _CHARACTERS,
            "most": most,
        }
        found: dict[Group, list[tuple[Any, ...]]] = defaultdict(list)
        for team, app, kind, *said in store.query(load("analyzers", statement), parameters).rows:
            found[Group(team, app, kind)].append(tuple(said))
        return found

    def _embedded(self, texts: Sequence[str]) -> _Sample:
        vectors = self._embedder.embed(texts)
        embeddable = np.flatnonzero(np.abs(vectors).sum(axis=1)).tolist()
        return _Sample([texts[row] for row in embeddable], vectors[embeddable], len(texts) - len(embeddable))


def _unknown(group: Group, span: Window, sample: _Sample, share: str) -> list[Measurement]:
    labels, samples, note = group._asdict(), len(sample.texts), f"not enough data: {share}{_left_out(sample)}"
    return [
        Measurement(metric=metric, labels=labels, window=span, value=None, samples=samples, note=note)
        for metric in ("novel_share", "shift_sd", "p_value")
    ]


def _measure(
    group: Group, span: Window, sample: _Sample, comparison: Comparison, share_note: str, shift_note: str
) -> list[Measurement]:
    labels, samples = group._asdict(), len(sample.texts)
    return [
        Measurement(
            metric="novel_share",
            labels=labels,
            window=span,
            value=comparison.novel_share,
            low=comparison.novel_low,
            high=comparison.novel_high,
            samples=samples,
            note=share_note,
        ),
        Measurement(
            metric="shift_sd",
            labels=labels,
            window=span,
            value=comparison.shift_sd,
            samples=samples,
            note=shift_note,
        ),
        Measurement(metric="p_value", labels=labels, window=span, value=comparison.p_value, samples=samples),
    ]


def _notes(
    kind: str, sample: _Sample, comparison: Comparison, reference: FrozenReference, chance: float
) -> tuple[str, str]:
    """The notes of novel share and shift; a finding is told once, by the one that shows it."""
    is_significant, left_out = comparison.p_value <= chance, _left_out(sample)
    if is_significant and comparison.novel_low >= _SMALLEST_NOVEL_SHARE:
        return f"drift: {explain_novelty(kind, sample.texts, sample.vectors, comparison, reference)}{left_out}", ""
    if is_significant and comparison.shift_sd >= _SMALLEST_SHIFT_SD:
        return "", f"drift: {explain_shift(kind, sample.texts, comparison, reference)}{left_out}"
    size = len(reference.vectors)
    return f"no drift: {len(sample.texts)} texts compared with a reference of {size}{left_out}", ""


def _left_out(sample: _Sample) -> str:
    return f" ({sample.unembeddable} more have no vector)" if sample.unembeddable else ""
