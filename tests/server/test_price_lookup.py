"""What the price book of a store says of a name and a usage: over HTTP, and the same as what calls are charged."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import give_prices, state_prices
from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.config import Config
from server.price_lookup import routes
from store.connection import Store
from store.sql import parse

HOUR = timedelta(hours=1)
COSTS = parse("costs", "-- One row = one call.\nSELECT team, cost FROM priced_calls ORDER BY team")
COSTS_OF_ACCOUNTS = parse("of_accounts", "-- One row = one call.\nSELECT team, account, cost FROM priced_calls")
HALF = '[[price]]\nprovider = "openai"\nmodel = "gpt-5*"\nteam = "search"\ndiscount = 0.5\n'
USAGE = {"input_tokens": 20_000, "cache_read_tokens": 18_000, "output_tokens": 500}


@pytest.fixture
def contracted(store: Store) -> Store:
    """A store in which team search pays half since an hour."""
    give_prices(store)
    state_prices(store, HALF, "contract", NOW - HOUR)
    return store


def ask(store: Store, path: str, **asked: str) -> tuple[int, Any]:
    client = TestClient(Starlette(routes=list(routes(store, Config(), lambda: NOW))))
    answered = client.get(f"/api/prices/{path}", params={"provider": "openai", "model": "gpt-5"} | asked)
    return answered.status_code, answered.json()


def test_the_rows_of_a_team_say_from_which_layer_they_are(contracted: Store) -> None:
    for team, layer, rate in (("search", "contract", "0.625"), ("growth", "seed", "1.25"), ("", "seed", "1.25")):
        status, found = ask(contracted, "resolve", team=team)
        assert (status, found["is_known"], found["steps"][-1]) == (
            200,
            True,
            "it is 'gpt-5' of 'openai', at standard rates",
        )
        assert [(row["layer"], row["rates"]["input_rate"]) for row in found["rows"]] == [(layer, rate)]
    _, found = ask(contracted, "resolve", team="search", at="2026-11-20T11:00:00Z")
    assert [row["layer"] for row in found["rows"]] == ["seed"]


def test_a_usage_costs_what_a_call_is_charged(contracted: Store) -> None:
    collect(
        contracted,
        *(a_call(team=team, model_requested="gpt-5", model_responded="", **USAGE) for team in ("growth", "search")),
    )
    for team, cost in contracted.query(COSTS).rows:
        status, found = ask(contracted, "cost", team=team, usage=json.dumps(USAGE))
        assert (status, found["status"], Decimal(found["cost"])) == (200, "priced", cost)
        assert sum(Decimal(part["cost"]) for part in found["parts"]) == cost


def test_the_region_changes_what_it_changes_of_a_call(contracted: Store) -> None:
    names = {"provider": "bedrock", "model_responded": "", **USAGE}
    models = ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "global.anthropic.claude-haiku-4-5-20251001-v1:0")
    where = [(model, region) for model in models for region in ("", "us-east-1", "eu-central-1")]
    collect(
        contracted,
        *(a_call(team=model + region, model_requested=model, region=region, **names) for model, region in where),
    )
    costs = dict(contracted.query(COSTS).rows)
    for model, region in where:
        asked = {"provider": "bedrock", "model": model, "region": region}
        _, found = ask(contracted, "cost", **asked, usage=json.dumps(USAGE))
        assert Decimal(found["cost"]) == costs[model + region]
        told = [f"the region {region!r} changes no price of the book" in step for step in found["steps"]]
        assert sum(told) == told[-1] == bool(region)
        assert ask(contracted, "resolve", **asked)[1]["steps"] == found["steps"]
    assert len(set(costs.values())) == 2


def test_the_contract_of_an_account_goes_before_that_of_the_team(contracted: Store) -> None:
    of_an_account = HALF.replace('team = "search"', 'account = "org-123"').replace("0.5", "0.2")
    state_prices(contracted, of_an_account, "contract", NOW - HOUR)
    whose = [(team, account) for team in ("search", "growth") for account in ("", "org-123", "other")]
    collect(
        contracted,
        *(
            a_call(team=team, model_requested="gpt-5", model_responded="", attributes={"account": account}, **USAGE)
            for team, account in whose
        ),
    )
    charged = {(team, account): cost for team, account, cost in contracted.query(COSTS_OF_ACCOUNTS).rows}
    for team, account in whose:
        _, found = ask(contracted, "cost", team=team, account=account, usage=json.dumps(USAGE))
        assert Decimal(found["cost"]) == charged[team, account]
    assert len(set(charged.values())) == 3
    assert found["book"] == "the price book of the store, for team growth and account other"


def test_a_lookup_knows_what_was_stated_after_the_last_one(contracted: Store) -> None:
    client = TestClient(Starlette(routes=list(routes(contracted, Config(), lambda: NOW))))
    asked = {"provider": "openai", "model": "gpt-5", "team": "search"}

    def rate() -> str:
        (row,) = client.get("/api/prices/resolve", params=asked).json()["rows"]
        return str(row["rates"]["input_rate"])

    assert rate() == "0.625"
    state_prices(contracted, HALF.replace("0.5", "0.25"), "contract", NOW - HOUR)
    assert rate() == "0.9375"


@pytest.mark.parametrize(
    ("path", "asked", "says"),
    [
        ("resolve", {"model": ""}, "name a provider and a model"),
        ("resolve", {"at": "soon"}, "'soon' is no instant"),
        ("cost", {}, "usage: write an object of counts"),
        ("cost", {"usage": "[1]"}, "usage: write an object of counts"),
        ("cost", {"usage": '{"input_tokens": 1.5}'}, "usage: input_tokens is 1.5: counts are whole numbers"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(
    contracted: Store, path: str, asked: dict[str, str], says: str
) -> None:
    status, found = ask(contracted, path, **asked)
    assert (status, says in found["error"]) == (400, True)


def test_a_name_that_nobody_knows_has_no_price(contracted: Store) -> None:
    assert ask(contracted, "resolve", model="nobody-knows")[1]["rows"] == []
    status, found = ask(contracted, "cost", model="nobody-knows", usage=json.dumps(USAGE))
    assert (status, found["status"], found["cost"], found["row"]) == (200, "unpriced", None, None)
