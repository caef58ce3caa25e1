"""The price book over HTTP: names without a price, and its history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import give_prices, state_prices
from starlette.applications import Starlette
from starlette.testclient import TestClient

from collector.price_book.book import PriceBook
from collector.price_book.resolve import Resolver
from collector.price_book.stated import stated_models
from collector.repricing.reprice import reprice
from server.config import Config
from server.prices import history, routes
from store.connection import Store
from store.sql import Query, parse

TWICE = ("price_updates", "price_statements", "cost_versions")


def unresolved(store: Store, **asked: str) -> tuple[int, Any]:
    client = TestClient(Starlette(routes=routes(store, Config(), lambda: NOW)))
    answered = client.get("/api/prices/unresolved", params=asked)
    return answered.status_code, answered.json()


def test_no_more_names_come_than_are_asked_for(store: Store) -> None:
    collect(store, a_call(model_requested="nobody-knows"), a_call(model_requested="nobody-knows-either"))
    for limit, names in (("1", 1), ("1000", 2), ("", 2)):
        status, found = unresolved(store, limit=limit)
        assert (status, len(found["names"])) == (200, names)


@pytest.mark.parametrize("limit", ["abc", "-5", "0", "1.5", "1001", "9" * 5000, "²"])
def test_a_limit_is_a_number_of_names(store: Store, limit: str) -> None:
    status, found = unresolved(store, limit=limit)
    assert (status, found["error"]) == (400, f"limit is {limit!r}: write a number of names from 1 to 1,000")


def test_an_unknown_name_that_answered_is_listed_with_what_it_is_priced_as(store: Store) -> None:
    names = {"provider": "anthropic", "model_requested": "claude-haiku-4-5"}
    collect(
        store,
        a_call(**names, model_responded="claude-opus-9-unheard"),
        a_call(**names, model_responded="claude-haiku-4-5-20251001"),
        a_call(**names, model_responded=""),
        a_call(**names, model_responded="claude-opus-9-unheard", provider_reported_cost="1"),
    )
    (one,) = unresolved(store)[1]["names"]
    assert (one["name"], one["priced_as"], one["calls"]) == ("claude-opus-9-unheard", "claude-haiku-4-5", 1)
    assert (one["understood"], one["token_share"], float(one["cost"]) > 0) == (False, 0.25, True)
    assert one["cost_share"] == pytest.approx(float(one["cost"]) / (3 * float(one["cost"]) + 1))


def test_an_answering_name_that_has_a_price_since_is_listed_until_it_is_priced_again(store: Store) -> None:
    collect(store, a_call(model_requested="gpt-5", model_responded="mystery"))
    assert [one["understood"] for one in unresolved(store)[1]["names"]] == [False]
    own = '[[price]]\nprovider = "openai"\nmodel = "mystery"\nrates = { input_rate = 1, output_rate = 4 }\n'
    state_prices(store, own)
    assert [one["understood"] for one in unresolved(store)[1]["names"]] == [True]
    hour = timedelta(hours=1)
    reprice(store, Resolver(stated=stated_models(store)), NOW - hour, NOW, "ours", NOW, dry_run=False)
    assert unresolved(store)[1]["names"] == []


def test_names_of_both_kinds_are_one_list_the_most_used_first(store: Store) -> None:
    collect(
        store,
        a_call(model_requested="nobody-knows", input_tokens=100),
        a_call(model_responded="mystery", input_tokens=1000),
        a_call(model_requested="nobody-else", input_tokens=10_000),
    )
    names = [one["name"] for one in unresolved(store)[1]["names"]]
    assert names == ["nobody-else", "mystery", "nobody-knows"]
    assert [one["name"] for one in unresolved(store, limit="2")[1]["names"]] == names[:2]


def test_what_two_programs_wrote_at_once_is_read_once(store: Store) -> None:
    give_prices(store)
    said, told = PriceBook(store).statements(), history(store)
    for table in TWICE:
        at = "created_at" if table == "cost_versions" else "recorded_at"
        again = f"-- One row = a row again.\nINSERT INTO {table} SELECT * REPLACE ({at} + INTERVAL 1 SECOND AS {at}) FROM {table}"
        store.execute(parse("again", again))
    assert PriceBook(store).statements() == said
    assert [(row["what"], row["number"], row["detail"]) for row in history(store)] == [
        (row["what"], row["number"], row["detail"]) for row in told
    ]


def test_prices_that_could_not_be_looked_up_are_refused_before_they_are_recorded(store: Store) -> None:
    entry = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\ninput_from = {}\ninput_to = {}\nrates = {{ input_rate = {} }}\n'
    tiers = "\n".join(entry.format(100 * tier, 100 * tier + 100, tier) for tier in range(16))
    give_prices(store)
    client = TestClient(Starlette(routes=routes(store, Config(), lambda: NOW)))
    told = {"text": tiers, "name": "ours", "layer": "override", "reason": "ours", "dry_run": False}
    updates = Query("updates", "", "SELECT count() FROM price_updates", {})
    before = store.query(updates).scalar()
    for dry_run in (True, False):
        answered = client.post("/api/admin/prices/update", json=told | {"dry_run": dry_run})
        assert (answered.status_code, "more than 15 tiers" in answered.text) == (400, True)
    assert store.query(updates).scalar() == before
