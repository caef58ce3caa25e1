"""Whose calls are that name no team."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from conftest import NOW
from events import a_call
from pydantic import ValidationError
from tokentide.call import LLMCall
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.ownership import OwnershipRule
from collector.price_book.resolve import Resolver
from collector.record import Record

BEFORE, AFTER = datetime(2026, 10, 31, 23, 59, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
RULES = (
    OwnershipRule(team="growth", app="shop-*", valid_to="2026-11-01"),
    OwnershipRule(team="commerce", app="shop-*", valid_from="2026-11-01"),
    OwnershipRule(team="research", attributes={"project": "p-7*"}),
)


def team_of(call: LLMCall) -> str:
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=400), timedelta(minutes=10), None, RULES)
    batch = decoder.decode([Record("here", 1, call.to_json())], NOW)
    (line,) = batch.lines
    stored = json.loads(line.json)
    assert stored["call_id"] == call.call_id
    return str(stored.get("team", ""))


@pytest.mark.parametrize(
    ("call", "team"),
    [
        (a_call(team="", app="shop-api", started_at=BEFORE), "growth"),
        (a_call(team="", app="shop-api", started_at=AFTER), "commerce"),
        (a_call(team="search", app="shop-api", started_at=AFTER), "search"),
        (a_call(team="", app="lab", started_at=AFTER), ""),
        (a_call(team="", app="lab", attributes={"project": "p-77"}), "research"),
        (a_call(team="", app="lab", attributes={"other": "p-77"}), ""),
    ],
)
def test_a_call_without_a_team_belongs_to_whom_a_rule_says_on_that_day(call: LLMCall, team: str) -> None:
    assert team_of(call) == team


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"team": "growth"}, "say which calls"),
        ({"team": "", "app": "shop"}, "at least 1 character"),
        (
            {"team": "growth", "app": "shop", "valid_from": "2026-11-01", "valid_to": "2026-11-01"},
            "later than valid_from",
        ),
        ({"team": "growth", "application": "shop"}, "Extra inputs"),
    ],
)
def test_a_wrong_rule_is_an_error(rule: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        OwnershipRule.model_validate(rule)
