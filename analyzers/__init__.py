"""The analyzers program: facts and roll-ups → measurements, window by window."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from analyzers.budget.config import BudgetsConfig

if TYPE_CHECKING:
    from analyzers.analyzer import Analyzer
    from analyzers.config import AnalyzersConfig

ANALYZERS: Final = {
    "cost": "analyzers.cost:CostAnalyzer",
    "latency": "analyzers.latency:LatencyAnalyzer",
    "rate_limits": "analyzers.rate_limits:RateLimitsAnalyzer",
    "drift": "analyzers.drift:DriftAnalyzer",
    "budgets": "analyzers.budget.analyzer:BudgetAnalyzer",
    "spend": "analyzers.spend_anomalies:SpendAnalyzer",
    "money": "analyzers.money:MoneyAnalyzer",
}
NO_BUDGETS: Final = BudgetsConfig()


def load_analyzers(config: AnalyzersConfig, budgets: BudgetsConfig = NO_BUDGETS) -> list[Analyzer]:
    """The enabled analyzers, in the order of `config.enabled`. Raises EmbedderError when drift lacks its embedder.

    An analyzer is made from `config`, but those that follow the calendar of the budgets from the section of these.
    """
    own = dict.fromkeys(("budgets", "spend"), budgets)
    return [_open(ANALYZERS[name], own.get(name, config)) for name in config.enabled]


def _open(address: str, config: AnalyzersConfig | BudgetsConfig) -> Analyzer:
    module, _, attribute = address.partition(":")
    analyzer: Analyzer = getattr(import_module(module), attribute)(config)
    return analyzer
