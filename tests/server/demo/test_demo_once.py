from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from demo_run import running_demo

ONCE = ["--once", "--json", "--calls", "240", "--rate", "40"]


@pytest.fixture(scope="module", params=["http", "kafka"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with running_demo([*ONCE, "--transport", request.param], tmp_path_factory.mktemp("demo")) as demo:
        return demo.document()


def test_every_attempt_is_stored_once(outcome: dict[str, Any]) -> None:
    assert outcome["calls"] == 240
    assert outcome["attempts"] > outcome["calls"], "the clients retry what was refused"
    assert outcome["stored"] == outcome["attempts"]
    assert (outcome["lost"], outcome["duplicates"]) == (0, 0)


def test_every_team_costs_what_the_provider_counted(outcome: dict[str, Any]) -> None:
    assert outcome["cost_by_team"] == outcome["provider_cost_by_team"]
    assert set(outcome["cost_by_team"]) == {"search", "support", "growth"}
    assert all(Decimal(cost) > 0 for cost in outcome["cost_by_team"].values())
    assert outcome["priced_share"] == 1


def test_the_rush_and_the_spend_are_alerts(outcome: dict[str, Any]) -> None:
    fired = {alert["alert"]: alert["labels"] for alert in outcome["alerts"]}
    assert fired["RateLimitRatioHigh"]["model"] == "gpt-5-mini"
    assert fired["TeamSpendOverDailyLimit"]["team"] == "support"


def test_the_new_topic_is_found(outcome: dict[str, Any]) -> None:
    found = {(each["team"], each["kind"]): each["finding"] for each in outcome["findings"]}
    assert found["support", "prompt"].startswith("drift:")


def test_the_page_has_an_address(outcome: dict[str, Any]) -> None:
    assert outcome["page"].startswith("http://127.0.0.1:")
