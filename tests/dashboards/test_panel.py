from __future__ import annotations

import pytest

from dashboards.overview import OVERVIEW
from dashboards.panel import GRID_COLUMNS, Panel, Row

PANELS = pytest.mark.parametrize("panel", OVERVIEW.panels(), ids=lambda panel: panel.query)


def test_numbers_and_queries_are_unique() -> None:
    numbers = [row.number for row in OVERVIEW.rows] + [panel.number for panel in OVERVIEW.panels()]
    queries = [panel.query for panel in OVERVIEW.panels()]
    assert len(set(numbers)) == len(numbers)
    assert len(set(queries)) == len(queries)


@pytest.mark.parametrize("row", OVERVIEW.rows, ids=lambda row: row.title)
def test_a_row_fills_the_page_and_its_panels_are_equally_high(row: Row) -> None:
    assert sum(panel.width for panel in row.panels) == GRID_COLUMNS
    assert len({panel.height for panel in row.panels}) == 1


@PANELS
def test_every_panel_explains_itself_in_sentences(panel: Panel) -> None:
    assert len(panel.description) > 30
    assert panel.description.endswith(".")
    assert panel.statement().description.startswith("One row = ")


@PANELS
def test_only_tables_have_columns_and_only_stats_have_thresholds(panel: Panel) -> None:
    assert bool(panel.columns) == (panel.kind == "table")
    assert panel.kind == "stat" or not panel.thresholds
    assert list(panel.thresholds) == sorted(panel.thresholds, key=lambda threshold: threshold.value)


@PANELS
def test_money_in_a_panel_comes_with_its_priced_share(panel: Panel) -> None:
    shows_money = panel.unit == "usd" or any(column.unit == "usd" for column in panel.columns)
    if shows_money and panel.kind != "bars":
        assert "priced" in panel.statement().text.lower()
    if shows_money:
        assert "price" in panel.description.lower()
