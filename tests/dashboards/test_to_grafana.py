from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import NOW
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

from dashboards.overview import OVERVIEW
from dashboards.page import answer
from dashboards.panel import Panel
from dashboards.span import Span
from dashboards.to_grafana import macros, render
from store.connection import Store
from store.sql import Query

RENDERED = render(OVERVIEW)
SHOWN = [panel for panel in RENDERED["panels"] if panel["type"] != "row"]
STEP = 60


def expanded(sql: str, start: datetime, end: datetime, teams: str) -> str:
    """`sql` as Grafana sends it: the variable filled in, and the macros as the data source expands them."""
    known = {
        "$__fromTime_ms": f"fromUnixTimestamp64Milli({int(start.timestamp() * 1000)})",
        "$__toTime_ms": f"fromUnixTimestamp64Milli({int(end.timestamp() * 1000)})",
        "$__interval_s": str(STEP),
        "${teams:singlequote}": teams,
    }
    return re.sub(r"\$\{[^}]+\}|\$__\w+", lambda found: known[found[0]], sql)


def subset(part: Any, whole: Any) -> bool:
    """Is everything in `part` also in `whole`, at the same place?"""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and subset(part[key], whole[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(subset, part, whole))
    return bool(part == whole)


@pytest.mark.filterwarnings("ignore:Prefer using dashboardv2:DeprecationWarning")
def test_grafanas_own_model_reads_the_dashboard_and_keeps_every_word() -> None:
    from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

    register_default_plugins()
    again = json.loads(JSONEncoder().encode(GrafanaDashboard.from_json(RENDERED)))
    assert subset(RENDERED, again)


def test_numbers_of_panels_are_unique_and_panels_do_not_overlap() -> None:
    numbers = [panel["id"] for panel in RENDERED["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in RENDERED["panels"]):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: panel["title"])
def test_every_panel_says_what_it_is_and_how_to_ask(panel: dict[str, Any]) -> None:
    (target,) = panel["targets"]
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert (
        panel["datasource"] == target["datasource"] == {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
    )
    assert (target["format"], target["queryType"]) == (
        (0, "timeseries") if panel["type"] == "timeseries" else (1, "table")
    )
    assert target["editorType"] == "sql"


@pytest.mark.parametrize("panel", OVERVIEW.panels(), ids=lambda panel: panel.query)
@pytest.mark.parametrize(
    ("chosen", "teams"), [("/* all */", ()), ("'search'", ("search",)), ("'search','growth'", ("search", "growth"))]
)
def test_grafana_and_the_page_get_the_same_rows(
    seeded: Store, panel: Panel, chosen: str, teams: tuple[str, ...]
) -> None:
    start = NOW - timedelta(hours=1)
    text = expanded(macros(panel.statement().text, OVERVIEW), start, NOW, chosen)
    span = Span(start, NOW, STEP, teams)
    asked = answer(seeded, Query(panel.query, "", text, {}), span)
    assert asked["rows"] == answer(seeded, panel.statement(), span)["rows"]


def test_a_parameter_that_no_macro_stands_for_is_refused() -> None:
    with pytest.raises(KeyError, match="tenant"):
        macros("SELECT {tenant:String}", OVERVIEW)


def test_a_variable_of_the_dashboard_becomes_a_list_of_quoted_texts() -> None:
    assert macros("has({teams:Array(String)}, team)", OVERVIEW) == "has([${teams:singlequote}], team)"
    with pytest.raises(KeyError, match="teams"):
        macros("has({teams:Array(String)}, team)", replace(OVERVIEW, variables=()))


def test_the_team_variable_offers_all_and_several() -> None:
    source, team = RENDERED["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "grafana-clickhouse-datasource")
    assert (team["name"], team["multi"], team["includeAll"]) == ("teams", True, True)
    assert team["query"]["rawSql"] == team["definition"]


def test_thresholds_have_grafanas_colours() -> None:
    errors = next(panel for panel in SHOWN if panel["title"] == "Errors")
    assert errors["fieldConfig"]["defaults"]["thresholds"]["steps"] == [
        {"value": None, "color": "green"},
        {"value": 0.01, "color": "orange"},
        {"value": 0.05, "color": "red"},
    ]
