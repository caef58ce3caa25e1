"""The analyzers program: facts and roll-ups → measurements, window by window."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from analyzers.analyzer import Analyzer
    from analyzers.config import AnalyzersConfig

ANALYZERS: Final = {
    "cost": "analyzers.cost:CostAnalyzer",
    "latency": "analyzers.latency:LatencyAnalyzer",
    "rate_limits": "analyzers.rate_limits:RateLimitsAnalyzer",
    "drift": "analyzers.drift:DriftAnalyzer",
}


def load_analyzers(config: AnalyzersConfig) -> list[Analyzer]:
    """The enabled analyzers, in the order of `config.enabled`. Raises EmbedderError when drift lacks its embedder."""
    return [_open(ANALYZERS[name], config) for name in config.enabled]


def _open(address: str, config: AnalyzersConfig) -> Analyzer:
    module, _, attribute = address.partition(":")
    analyzer: Analyzer = getattr(import_module(module), attribute)(config)
    return analyzer
