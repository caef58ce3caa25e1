"""Questions over HTTP: what a wrong one is answered, and that changes are made one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from collector.books import months
from collector.config import CollectorConfig
from server.books import routes
from server.json_routes import NotThere, admin_route, read_route
from store.connection import Store
from store.errors import BackupError


def answers(asked: Mapping[str, Any]) -> dict[str, Any]:
    if asked["word"] == "wrong":
        raise ValueError("say right")
    if asked["word"] == "gone":
        raise NotThere("list them")
    if asked["word"] == "backup":
        raise BackupError("choose another folder")
    return {"cost": Decimal("0.10"), "at": NOW, **asked}


@pytest.fixture
def client() -> TestClient:
    asked = read_route("/ask/{word}", lambda request: answers(request.path_params))
    text = read_route("/text", lambda request: PlainTextResponse("as it is"))
    return TestClient(Starlette(routes=[asked, text, admin_route("/act/{word}", answers)]))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("word", "status", "expected"),
    [
        ("right", 200, {"cost": "0.1", "at": "2026-11-20T12:00:00+00:00", "word": "right"}),
        ("wrong", 400, {"error": "say right"}),
        ("gone", 404, {"error": "list them"}),
        ("backup", 400, {"error": "choose another folder"}),
    ],
)
def test_a_question_is_answered_with_an_object(
    client: TestClient, method: str, word: str, status: int, expected: dict[str, Any]
) -> None:
    answer = client.request(method, f"{'/ask' if method == 'GET' else '/act'}/{word}")
    assert (answer.status_code, answer.json()) == (status, expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "the body must be JSON"),
        (b"\xff", "the body must be JSON"),
        (b"[" * 100_000, "the body must be JSON"),
        (b"[]", "the body must be a JSON object"),
    ],
)
def test_a_body_that_is_no_object_is_refused(client: TestClient, body: bytes, expected: str) -> None:
    answer = client.post("/act/right", content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": expected})


def test_what_the_path_names_wins_over_the_body(client: TestClient) -> None:
    assert client.post("/act/right", json={"word": "wrong", "more": 1}).json()["word"] == "right"


def test_an_answer_that_is_no_object_stays_as_it_is(client: TestClient) -> None:
    assert client.get("/text").text == "as it is"


def test_a_month_that_many_close_at_once_is_booked_once(store: Store) -> None:
    collect(store, a_call(started_at=datetime(2026, 10, 5, tzinfo=timezone.utc)))
    app = Starlette(routes=routes(store, CollectorConfig(), lambda: NOW))

    def close(_: int) -> int:
        return TestClient(app).post("/api/admin/books/close", json={"month": "2026-10"}).status_code

    with ThreadPoolExecutor(8) as people:
        assert Counter(people.map(close, range(8))) == {200: 1, 400: 7}
    (october,) = months(store)
    assert (october.month, october.usage, october.corrections) == (date(2026, 10, 1), Decimal("0.001013"), 0)
