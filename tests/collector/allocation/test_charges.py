"""Charges are costs and no calls: every reader of calls stands a time in which there was nothing else."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW

from analyzers import load_analyzers
from analyzers.analyzer import Window
from analyzers.config import AnalyzersConfig
from analyzers.report import report
from collector.allocation.charges import SHARED, Charge, roll_up, write
from dashboards.overview import OVERVIEW
from dashboards.page import answer
from dashboards.span import Span, step_for
from store.connection import Store

AT = NOW - timedelta(minutes=30)
HOUR = timedelta(hours=1)


@pytest.fixture
def charged(store: Store) -> Store:
    collect(store)
    write(store, [Charge(AT, "search", SHARED, "gateway", Decimal("1.25"))], NOW)
    roll_up(store, [AT])
    return store


def test_a_charge_is_in_the_cost_and_nowhere_else(charged: Store) -> None:
    found = report(charged, "cost", ["team", "provider", "operation"], NOW - HOUR, NOW)
    assert found.rows[0][:6] == ("search", "shared", "charge", Decimal("1.25"), Decimal(0), 0)
    for kind in ("latency", "limits"):
        assert report(charged, kind, ["team"], NOW - HOUR, NOW).rows == []
    assert report(charged, "money", ["team"], NOW - HOUR, NOW).rows == []


def test_the_same_charge_is_there_once(charged: Store) -> None:
    write(charged, [Charge(AT, "search", SHARED, "gateway", Decimal("0.75"))], NOW + HOUR)
    roll_up(charged, [AT])
    assert report(charged, "cost", [], NOW - HOUR, NOW).rows[0][0] == Decimal("0.75")


def test_every_analyzer_stands_it(charged: Store) -> None:
    enabled = [name for name in AnalyzersConfig().enabled if name != "drift"]
    for analyzer in load_analyzers(AnalyzersConfig(enabled=enabled)):
        for one in analyzer.analyze(charged, Window(NOW - HOUR, NOW), NOW):
            assert one.value is None or math.isfinite(one.value), one


def test_the_spend_of_charges_alone_is_their_sum(charged: Store) -> None:
    (panel,) = (one for one in OVERVIEW.panels() if one.query == "spend")
    span = Span(NOW - 24 * HOUR, NOW, step_for(24 * HOUR), ())
    assert answer(charged, panel.statement(), span)["rows"] == [[1.25, "charges alone, no attempts"]]


@pytest.mark.parametrize("panel", OVERVIEW.panels(), ids=lambda panel: panel.query)
def test_every_panel_stands_it(charged: Store, panel) -> None:
    span = Span(NOW - 24 * HOUR, NOW, step_for(24 * HOUR), ())
    rows = answer(charged, panel.statement(), span)["rows"]
    assert not any(isinstance(value, float) and math.isnan(value) for row in rows for value in row)
