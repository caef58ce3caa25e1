from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW
from overview_seed import EXPECTED
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboards.config import DashboardsConfig
from dashboards.overview import OVERVIEW
from dashboards.page import routes
from store.connection import Store, open_store
from store.migrate import migrate

HOUR = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": NOW.isoformat()}


@pytest.fixture
def client(seeded: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(seeded))) as client:
        yield client


def test_every_panel_of_the_definitions_answers(client: TestClient) -> None:
    definition = client.get("/api/dashboards/overview").json()
    panels = [panel["query"] for row in definition["rows"] for panel in row["panels"]]
    assert panels == [panel.query for panel in OVERVIEW.panels()]
    for query in panels:
        found = client.get(f"/api/panels/{query}", params=HOUR)
        assert found.status_code == 200
        assert {"columns", "types", "rows", "took_ms", "step"} == found.json().keys()


@pytest.mark.parametrize(("query", "value"), EXPECTED.items())
def test_a_panel_answers_with_the_value_of_the_store(client: TestClient, query: str, value: float) -> None:
    found = client.get(f"/api/panels/{query}", params=HOUR).json()
    assert dict(zip(found["columns"], found["rows"][0], strict=True))["value"] == value


def test_teams_narrow_a_panel(client: TestClient) -> None:
    found = client.get("/api/panels/calls", params={**HOUR, "teams": ["search", "unattributed"]}).json()
    assert found["rows"][0][0] == 5


def test_the_variable_lists_the_teams(client: TestClient) -> None:
    assert client.get("/api/variables/teams").json() == ["growth", "search", "unattributed"]


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [
        ("/api/panels/calls", 400, "Give 'from' once, as an instant with a time zone"),
        ("/api/panels/calls?from=2026-11-20T12:00:00Z&to=2026-11-20T11:00:00Z", 400, "'from' must be before 'to'"),
        ("/api/panels/calls?sql=1", 400, "There is no parameter 'sql'"),
        ("/api/panels/nothing", 404, "There is no panel 'nothing': /api/dashboards/overview lists them."),
        ("/api/panels/teams", 404, "There is no panel 'teams'"),
        ("/api/variables/nothing", 404, "There is no variable 'nothing'."),
    ],
)
def test_a_wrong_question_is_answered_with_a_sentence(
    client: TestClient, address: str, status: int, sentence: str
) -> None:
    found = client.get(address)
    assert found.status_code == status
    assert found.json()["error"].startswith(sentence)


def test_a_store_that_is_away_is_a_sentence_and_no_trace(engine_dsn: str) -> None:
    store = open_store(engine_dsn, "closed_overview")
    store.close()
    with TestClient(Starlette(routes=routes(store))) as client:
        found = client.get("/api/panels/calls", params=HOUR)
    assert (found.status_code, found.json()["error"].split(";")[0]) == (503, "The store does not answer")


def test_a_query_that_fails_is_a_sentence_and_a_line_in_the_log(
    engine_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(engine_dsn, "overview_without_tables")
    with TestClient(Starlette(routes=routes(store))) as client:
        found = client.get("/api/panels/calls", params=HOUR)
    store.close()
    assert (found.status_code, found.json()["error"]) == (
        500,
        "The query of this panel failed; the server's log says why.",
    )
    assert "the query of /api/panels/calls failed" in caplog.text


@pytest.mark.parametrize("address", ["/", "/static/page.js", "/api/dashboards/overview"])
def test_every_answer_carries_the_strict_headers(client: TestClient, address: str) -> None:
    headers: Any = client.get(address).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_only_files_of_the_page_are_served(client: TestClient) -> None:
    assert client.get("/static/../page.py").status_code == 404
    assert client.get("/static/%2e%2e/page.py").status_code == 404
    assert "<main" in client.get("/").text


def test_the_settings_reach_the_page(seeded: Store) -> None:
    config = DashboardsConfig(refresh_seconds=5, default_range="7d")
    with TestClient(Starlette(routes=routes(seeded, config))) as client:
        definition = client.get("/api/dashboards/overview").json()
    assert (definition["refresh_seconds"], definition["default_range"]) == (5, "7d")


def test_money_that_is_not_known_is_null_in_json(engine_dsn: str) -> None:
    store = open_store(engine_dsn, "unpriced_overview")
    migrate(store, NOW)
    store.insert_json("call_minutes", b'{"minute":"2026-11-20 11:30:00","team":"t","attempts":1,"unpriced":1}')
    with TestClient(Starlette(routes=routes(store))) as client:
        spend = client.get("/api/panels/spend", params=HOUR).json()["rows"]
        latency = client.get("/api/panels/felt_latency", params=HOUR).json()["rows"]
    store.close()
    assert spend == [[None, "0 % of attempts priced"]]
    assert {row[2] for row in latency} == {None}
