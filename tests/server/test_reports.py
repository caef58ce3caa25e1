from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.reports import answer, routes
from store.connection import Store


def ask(store: Store, path: str, **asked: str) -> tuple[int, Any]:
    answered = TestClient(Starlette(routes=routes(store, lambda: NOW))).get(f"/api/report/{path}", params=asked)
    return answered.status_code, answered.json()


def test_a_comparison_over_http_has_exact_money_and_a_note(store: Store) -> None:
    collect(store, a_call(), a_call(), a_call(started_at=NOW - timedelta(hours=25)))
    status, body = ask(store, "cost", by="team", compare="previous", limit="1")
    assert (status, body["columns"][:4]) == (200, ["team", "cost_usd", "previous_usd", "change_usd"])
    assert [row[:5] for row in body["rows"]] == [
        [name, "0.002026", "0.001013", "0.001013", 1.0] for name in ("search", "total")
    ]
    assert body["note"] == "Total +$0.0010: price +$0.0000, volume +$0.0010, mix +$0.0000."


def test_money_over_http(store: Store) -> None:
    collect(store, a_call())
    status, body = ask(store, "money", by="model")
    assert (status, body["note"]) == (200, "")
    assert dict(zip(body["columns"], body["rows"][0], strict=True))["cache_savings_usd"] == "0.000072"


def test_cost_by_user_and_attribute_over_http(store: Store) -> None:
    collect(store, a_call(user_hash="a1", attributes={"project": "p-7"}))
    status, body = ask(store, "cost", by="user,attribute:project", last="1h")
    assert (status, body["columns"][:3]) == (200, ["user", "attribute:project", "cost_usd"])
    assert [row[:3] for row in body["rows"]] == [["a1", "p-7", "0.001013"], ["total", "", "0.001013"]]


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("cost", {"compare": "next"}, "a cost report cannot be compared with 'next': compare cost with previous"),
        ("money", {"compare": "previous"}, "a money report cannot be compared with 'previous': compare cost with"),
        ("cost", {"limit": "many"}, "'many' is not a number of rows: write one such as 10"),
        ("cost", {"limit": "0"}, "a limit is a number of rows, at least 1, of a report of cost or money"),
        ("latency", {"limit": "3"}, "a limit is a number of rows, at least 1, of a report of cost or money"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(
    store: Store, kind: str, asked: dict[str, str], expected: str
) -> None:
    status, body = ask(store, kind, **asked)
    assert status == 400
    assert body["error"].startswith(expected)


def test_dimensions_may_be_written_with_spaces(store: Store) -> None:
    collect(store, a_call())
    assert answer(store, "limits", {"by": "team, app"}, NOW).columns[:2] == ("team", "app")
