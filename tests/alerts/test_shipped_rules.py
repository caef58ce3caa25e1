from pathlib import Path
from typing import Any

import pytest
from alert_scenarios import play, scenarios
from tokentide.hooks._guard import MAX_FAILURES

from alerts.rule import load_rules
from store.connection import Store

SCENARIOS = scenarios(Path(__file__).parent / "scenarios")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[f"{one['rule']} {one['it']}" for one in SCENARIOS])
def test_the_rule(scenario: dict[str, Any], store: Store) -> None:
    play(scenario, store)


def test_every_shipped_rule_has_scenarios() -> None:
    assert {rule.alert for rule in load_rules([], {})} == {scenario["rule"] for scenario in SCENARIOS}


def test_every_shipped_rule_tells_what_happened_and_what_to_do() -> None:
    for rule in load_rules([], {}):
        assert rule.annotations.keys() == {"summary", "description", "runbook"}
        assert rule.labels["severity"] in ("critical", "warning")


def test_the_alert_about_failing_hooks_begins_where_recording_ends() -> None:
    (rule,) = (each for each in load_rules([], {}) if each.alert == "HooksFailing")
    assert rule.fire_above == MAX_FAILURES - 1
    assert f"failed {MAX_FAILURES} times in a row" in rule.annotations["description"]


def test_a_scenario_can_fail(store: Store) -> None:
    wrong = {"rule": "ErrorRatioHigh", "steps": [{"at": "0m", "firing": [{"provider": "openai"}]}]}
    with pytest.raises(AssertionError, match="firing at 0m"):
        play(wrong, store)
