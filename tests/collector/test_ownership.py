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
from collector.record import Batch, Record

BEFORE, AFTER = datetime(2026, 10, 31, 23, 59, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
RULES = (
    OwnershipRule(team="growth", app="shop-*", valid_to="2026-11-01"),
    OwnershipRule(team="commerce", app="shop-*", valid_from="2026-11-01"),
    OwnershipRule(team="research", attributes={"project": "p-7*"}),
)


def decoded(record: bytes) -> Batch:
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=400), timedelta(minutes=10), None, RULES)
    return decoder.decode([Record("here", 1, record)], NOW)


def team_of(call: LLMCall) -> str:
    (line,) = decoded(call.to_json()).lines
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


@pytest.mark.parametrize("pattern", ["shop-[eu]", "shop-?"])
def test_only_a_star_stands_for_other_text(pattern: str) -> None:
    rules = OwnershipRule(team="growth", app=pattern), OwnershipRule(team="research", attributes={"project": pattern})
    for rule, sent in zip(rules, ("app", "attributes"), strict=True):
        calls = [a_call(**{sent: {"project": text} if sent == "attributes" else text}) for text in (pattern, "shop-e")]
        assert [rule.owns(call) for call in calls] == [True, False]


@pytest.mark.parametrize("depth", range(900, 1000))
def test_a_call_that_is_nested_as_deeply_as_can_be_is_the_teams_or_says_that_it_is(depth: int) -> None:
    call = a_call(team="", app="shop-api", started_at=AFTER)
    batch = decoded(call.to_json()[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}")
    assert all(line.json.startswith(b"{") and b'"team":"commerce"' in line.json for line in batch.lines)
    assert [(dead.reason, dead.detail) for dead in batch.dead_letters] == [("malformed_json", "nested too deeply")] * (
        1 - len(batch.lines)
    )


def test_a_team_is_set_also_where_a_name_that_nobody_asks_for_is_no_text() -> None:
    call = a_call(team="", app="shop-api", started_at=AFTER)
    (line,) = decoded(b'{"\xff":1,' + call.to_json()[1:]).lines
    assert json.loads(line.json)["team"] == "commerce"


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
