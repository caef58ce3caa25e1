"""The price book over HTTP: names without a price, and its history."""

from __future__ import annotations

from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import give_prices
from starlette.applications import Starlette
from starlette.testclient import TestClient

from collector.price_book.book import PriceBook
from server.config import Config
from server.prices import history, routes
from store.connection import Store
from store.sql import parse

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
