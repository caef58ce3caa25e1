"""What the analyzers of money measure, the shipped rules tell: from calls to what is said."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alert_scenarios import Notebook
from collected_calls import collect
from conftest import NOW
from events import a_call

from alerts.config import AlertsConfig
from alerts.evaluate import Evaluator
from alerts.rule import load_rules
from analyzers import load_analyzers
from analyzers.analyzer import Window, write
from analyzers.budget.config import BudgetsConfig
from analyzers.config import AnalyzersConfig
from store.connection import Store

MINUTE = timedelta(minutes=1)
RULES = [rule for rule in load_rules([], {}) if rule.alert.startswith(("Budget", "Spend"))]


def measure(store: Store, analyzer: str, at: datetime, **budgets: Any) -> None:
    (found,) = load_analyzers(AnalyzersConfig(enabled=[analyzer]), BudgetsConfig.model_validate(budgets))
    write(store, analyzer, found.analyze(store, Window(at - found.every, at), at), at)


def alerted(store: Store, at: datetime) -> dict[str, dict[str, str]]:
    """The annotations of the alerts that fire at an instant, by rule."""
    notebook = Notebook()
    Evaluator(store, RULES, [notebook], AlertsConfig(interval_s=60, delay_s=0)).tick(at)
    return {news.rule: dict(news.annotations) for news in notebook.told}


@pytest.mark.parametrize(
    ("amount", "rules"),
    [
        (100, {"BudgetExceeded", "BudgetBurnFast", "BudgetBurnSlow"}),
        (1_000, {"BudgetBurnFast", "BudgetBurnSlow"}),
        (100_000, set()),
    ],
)
def test_a_budget_that_burns_is_told(store: Store, amount: int, rules: set[str]) -> None:
    ago = [MINUTE, 20 * MINUTE, 30 * MINUTE, 90 * MINUTE, 200 * MINUTE]
    collect(store, *(a_call(started_at=NOW - one, provider_reported_cost=Decimal(40)) for one in ago))
    collect(store, a_call(started_at=NOW - MINUTE, model_requested="nobody-knows"))
    measure(store, "budgets", NOW, search={"amount": amount, "period": "month", "team": "search"})
    told = alerted(store, NOW + MINUTE)
    assert told.keys() == rules
    for said in told.values():
        assert "the budget search " in said["summary"]
        assert "$200.00" in said["description"] + said["summary"]
        assert "known for 83.3 % of its 6 attempts" in said["description"]
        assert "`tokentide budgets status`" in said["runbook"]


def test_a_budget_below_five_dollars_burns_in_silence(store: Store) -> None:
    collect(store, a_call(started_at=NOW - MINUTE, provider_reported_cost=Decimal("4.99")))
    measure(store, "budgets", NOW, search={"amount": 5, "period": "month"})
    assert alerted(store, NOW) == {}


def test_a_broken_budget_is_told_after_an_hour(store: Store) -> None:
    collect(store, a_call(started_at=NOW - MINUTE))
    told: dict[str, dict[str, str]] = {}
    for minutes in range(0, 65, 5):
        measure(store, "budgets", NOW + minutes * MINUTE, search={"amount": 9, "period": "month", "team": "serch"})
        assert told == {}
        told = alerted(store, NOW + minutes * MINUTE)
    assert told["BudgetBroken"]["description"].startswith(
        "broken: no such calls were ever seen: no team serch (did you mean search?). Of $9.00"
    )


def test_a_spend_anomaly_is_told_with_its_sentence_and_its_coverage(store: Store) -> None:
    midnight = NOW.replace(hour=0)
    rows = [
        {
            "hour": f"{midnight - day * timedelta(days=1):%Y-%m-%d %H:%M:%S}",
            "team": "search",
            "model": "gpt-5",
            "attempts": 10,
            "priced": 9 if day == 1 else 10,
            "cost": 400 if day == 1 else 100 + day % 3,
        }
        for day in range(1, 71)
    ]
    store.insert_json("call_hours", "\n".join(map(json.dumps, rows)).encode())
    measure(store, "spend", midnight)
    told = alerted(store, NOW)["SpendAnomaly"]
    assert told["summary"].startswith("search spent $400.00 on 2026-11-19, 4.0 times the expected $")
    assert "before for 100.0%: more was spent than this. On 2026-11-19 $400.00 were spent" in told["description"]
    assert "`tokentide report cost --by team,app,model --last 24h --compare previous`" in told["runbook"]
    assert alerted(store, midnight + timedelta(days=1)) == {}
