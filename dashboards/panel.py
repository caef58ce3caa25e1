"""The vocabulary of dashboards. It knows nothing of Grafana or HTML: both renderers read these words and no others.

The result contract of a panel's query: `timeseries` and `bars` return the columns `time, series, value`; `stat` returns
one row of `value` and, if it has a caveat to tell, `note`; `table` returns the declared columns. A query may take the
parameters `from`, `to`, `step` (seconds) and the names of the dashboard's variables, and no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from store.sql import Query, load

Kind = Literal["timeseries", "bars", "stat", "table"]
Unit = Literal["usd", "ratio", "ms", "tokens", "count"]
ColumnUnit = Literal["usd", "ratio", "ms", "tokens", "count", "text", "time", "state"]
Colour = Literal["ok", "warning", "critical"]

QUERIES: Final = "dashboards.queries"
RANGE_PARAMETERS: Final = {"from": "DateTime64(3)", "to": "DateTime64(3)", "step": "UInt32"}
GRID_COLUMNS: Final = 24

STATES: Final[dict[str, Colour]] = {
    "firing": "critical",
    "pending": "warning",
    "resolved": "ok",
    "drift": "warning",
    "stable": "ok",
    "incomplete": "warning",
    "silent": "warning",
    "complete": "ok",
    "exceeded": "critical",
    "will be exceeded": "critical",
    "may be exceeded": "warning",
    "broken": "warning",
    "within": "ok",
}
"""The colour of a text in a `state` column; any other text has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """From `value` upwards a stat is of this colour; below its first threshold it is `ok`."""

    value: float
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: the name that the query gives it, its heading, and what its values are."""

    name: str
    title: str
    unit: ColumnUnit = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One question and the query that answers it.

    `number` is for ever: links and alerts point to it, so a new panel takes a new one. `query` names the file
    `dashboards/queries/<query>.sql` and is the panel's address on the page. `width` is in 24ths of the page, `height`
    in units of 36 pixels. `unit` holds for `value`; a table has a unit for each of its `columns` instead.
    `empty` is what a reader sees instead of no rows.
    """

    number: int
    title: str
    description: str
    query: str
    kind: Kind
    unit: Unit = "count"
    width: int = 12
    height: int = 8
    stack: bool = False
    thresholds: tuple[Threshold, ...] = ()
    columns: tuple[Column, ...] = ()
    empty: str = "Nothing in this range."

    def statement(self) -> Query:
        """The panel's query. Raises FileNotFoundError when there is no such file."""
        return load(QUERIES, self.query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels that belong together, laid out from left to right."""

    number: int
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice of several texts that narrows every panel; none chosen means all. `query` lists what can be chosen."""

    name: str
    title: str
    query: str

    def statement(self) -> Query:
        """The query that lists the choices. Raises FileNotFoundError when there is no such file."""
        return load(QUERIES, self.query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A page of panels. `uid` is for ever: addresses contain it."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    def panels(self) -> tuple[Panel, ...]:
        """Every panel, in the order of the page."""
        return tuple(panel for row in self.rows for panel in row.panels)
