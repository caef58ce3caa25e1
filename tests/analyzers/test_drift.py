from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from collected_calls import collect
from conftest import NOW
from drift_texts import BANKING, COOKING
from events import a_call
from tokentide.call import LLMCall

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from analyzers.drift import DriftAnalyzer
from store.connection import Store
from store.sql import parse

REFERENCE, WINDOW = Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1)), Window(NOW - timedelta(hours=1), NOW)
KEPT = parse("kept", "-- kept\nSELECT kind, embedder, samples, length(texts), frozen_at FROM drift_references FINAL")


@pytest.fixture(scope="module")
def drift() -> DriftAnalyzer:
    return DriftAnalyzer(AnalyzersConfig(drift_every_s=3600, drift_window_s=3600, drift_reference_samples=200))


def prompts(texts: Sequence[str], window: Window, sessions: int | None = None) -> list[LLMCall]:
    """One call per text, spread over `window`, by as many sessions in turn; None: calls without a session."""
    step = (window.end - window.start) / (len(texts) + 1)
    return [
        a_call(started_at=window.start + n * step, prompt=text, session_id=f"s{n % sessions}" if sessions else "")
        for n, text in enumerate(texts)
    ]


def measured(
    drift: DriftAnalyzer, store: Store, window: Window = WINDOW, kind: str = "prompt"
) -> dict[str, Measurement]:
    return {one.metric: one for one in drift.analyze(store, window, NOW) if one.labels["kind"] == kind}


def test_a_change_of_topic_is_a_finding_that_explains_itself(store: Store, drift: DriftAnalyzer) -> None:
    collect(store, *prompts(BANKING[:200], REFERENCE), *prompts([*BANKING[200:300], *COOKING], WINDOW))
    found = measured(drift, store)
    share, note = found["novel_share"], found["novel_share"].note
    assert share.labels == {"team": "search", "app": "shop", "kind": "prompt"}
    assert share.value == pytest.approx(0.5, abs=0.05)
    assert share.samples == 200
    assert note.startswith("drift: an estimated ")
    assert " of 200 prompts are unlike the reference; characteristic words: dinner, " in note
    assert "; for example “" in note
    assert not found["shift_sd"].note.startswith("drift:")


def test_the_same_topic_is_no_finding(store: Store, drift: DriftAnalyzer) -> None:
    collect(store, *prompts(BANKING[:200], REFERENCE), *prompts(BANKING[200:400], WINDOW))
    found = measured(drift, store)
    assert found["novel_share"].note == "no drift: 200 texts compared with a reference of 200"
    assert found["shift_sd"].note == ""
    assert found["p_value"].value is not None


def test_another_mix_of_known_topics_is_a_shift(store: Store, drift: DriftAnalyzer) -> None:
    before, after = [*BANKING[:170], *COOKING[:30]], [*BANKING[200:240], *COOKING[30:]]
    collect(store, *prompts(before, REFERENCE), *prompts(after, WINDOW))
    found = measured(drift, store)
    assert found["novel_share"].note == ""
    assert found["shift_sd"].note.startswith("drift: the mix of 110 prompts has moved by 0.")


def test_too_few_texts_are_not_judged(store: Store, drift: DriftAnalyzer) -> None:
    collect(store, *prompts(BANKING[:200], REFERENCE), *prompts(COOKING[:31], WINDOW))
    found = measured(drift, store)
    assert {one.value for one in found.values()} == {None}
    assert found["novel_share"].note == "not enough data: 31 of 50 texts"


def test_without_a_complete_reference_nothing_is_judged(store: Store, drift: DriftAnalyzer) -> None:
    collect(store, *prompts(BANKING[:120], WINDOW))
    assert measured(drift, store)["novel_share"].note == "not enough data: 120 of 200 texts for the reference"
    assert store.query(KEPT).rows == []


def test_a_session_counts_once_by_its_latest_text(store: Store, drift: DriftAnalyzer) -> None:
    turns = [*BANKING[200:300], *COOKING[:60]]
    collect(store, *prompts(BANKING[:200], REFERENCE), *prompts(turns, WINDOW, sessions=60))
    found = measured(drift, store)["novel_share"]
    assert found.samples == 60
    assert found.value == pytest.approx(0.98, abs=0.05)


def test_repeated_texts_count_once(store: Store, drift: DriftAnalyzer) -> None:
    collect(store, *prompts(BANKING[:200], REFERENCE), *prompts(BANKING[200:260] * 3, WINDOW))
    assert measured(drift, store)["novel_share"].samples == 60


def test_texts_without_a_vector_are_left_out_and_counted(store: Store, drift: DriftAnalyzer) -> None:
    blank = [" " * n for n in range(1, 4)]
    collect(store, *prompts(BANKING[:200], REFERENCE), *prompts([*BANKING[200:260], *blank], WINDOW))
    found = measured(drift, store)["novel_share"]
    assert found.samples == 60
    assert found.note == "no drift: 60 texts compared with a reference of 200 (3 more have no vector)"


def test_the_reference_is_frozen_with_the_first_texts(store: Store, drift: DriftAnalyzer) -> None:
    collect(store, *prompts(BANKING[:240], REFERENCE))
    assert measured(drift, store, REFERENCE)["novel_share"].note == "not enough data: 40 of 50 texts"
    (before,) = store.query(KEPT).rows
    assert before[0] == "prompt"
    assert before[1].startswith("static:")
    assert before[2:4] == (200, 200)
    collect(store, *prompts(COOKING, WINDOW))
    measured(drift, store)
    assert store.query(KEPT).rows == [before]


def test_texts_of_the_reference_are_not_compared_with_it(store: Store, drift: DriftAnalyzer) -> None:
    collect(store, *prompts(BANKING[:200], REFERENCE))
    assert measured(drift, store, REFERENCE) == {}


def test_responses_are_judged_by_themselves(store: Store, drift: DriftAnalyzer) -> None:
    def answered(questions: Sequence[str], answers: Sequence[str], start: datetime) -> list[LLMCall]:
        pairs = enumerate(zip(questions, answers, strict=True))
        return [a_call(started_at=start + timedelta(seconds=n), prompt=q, response=a) for n, (q, a) in pairs]

    collect(store, *answered(BANKING[:200], BANKING[400:600], REFERENCE.start))
    collect(store, *answered(BANKING[200:300], COOKING, WINDOW.start))
    assert measured(drift, store, kind="prompt")["novel_share"].note.startswith("no drift:")
    assert measured(drift, store, kind="response")["novel_share"].note.startswith("drift:")


def test_references_of_another_embedder_are_not_used(
    store: Store, drift: DriftAnalyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(store, *prompts(BANKING[:200], REFERENCE), *prompts(COOKING, WINDOW))
    assert measured(drift, store)["novel_share"].note.startswith("drift:")
    monkeypatch.setattr(drift._embedder, "id", "static:of-another-release")
    measured(drift, store)
    assert len({row[1] for row in store.query(KEPT).rows}) == 2
