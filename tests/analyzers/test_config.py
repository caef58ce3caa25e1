from __future__ import annotations

import pytest

from analyzers import ANALYZERS, load_analyzers
from analyzers.config import AnalyzersConfig


def test_every_analyzer_runs_unless_told_otherwise() -> None:
    assert [analyzer.name for analyzer in load_analyzers(AnalyzersConfig())] == list(ANALYZERS)
    assert [analyzer.name for analyzer in load_analyzers(AnalyzersConfig(enabled=["cost"]))] == ["cost"]


def test_an_unknown_analyzer_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no analyzer costs: the analyzers are cost, latency, rate_limits, drift"):
        AnalyzersConfig(enabled=["costs"])


def test_texts_between_two_comparisons_may_not_be_skipped() -> None:
    with pytest.raises(ValueError, match="must not be shorter than drift_every_s"):
        AnalyzersConfig(drift_every_s=600, drift_window_s=599)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in AnalyzersConfig.model_fields.values())
