"""Texts of alerts: `{team}` or `{value:money}` in a rule's annotation become what the query said."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Final

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LONGEST_LABEL = 200
_LONGEST_TEXT = 1000


def money(value: float) -> str:
    """US dollars: cents, or four decimals below one dollar."""
    sign = "-" if value < 0 else ""
    decimals = 2 if abs(value) >= 1 or value == 0 else 4
    return f"{sign}${abs(value):,.{decimals}f}"


def percent(value: float) -> str:
    """A share between 0 and 1 in percent."""
    return f"{100 * value:.1f} %"


def number(value: float) -> str:
    """A plain number with at most six significant digits."""
    return f"{value:,.6g}"


UNITS: Final[Mapping[str, Callable[[float], str]]] = {"money": money, "percent": percent, "number": number}


def placeholders(template: str) -> dict[str, str]:
    """The names in `template` with the unit of each ('' = none given).

    Raises ValueError when a placeholder is anything but `{name}` or `{name:unit}`.
    """
    found = {}
    for _, name, unit, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or conversion:
            raise ValueError(f"{{{name}}} is not a placeholder: write {{name}} or {{name:unit}}")
        if unit and unit not in UNITS:
            raise ValueError(f"{unit!r} is not a unit: use {', '.join(UNITS)}")
        found[name] = unit or ""
    return found


def render(template: str, values: Mapping[str, str | float | None]) -> str:
    """`template` with its placeholders filled; None is written as unknown. Raises KeyError for a name without a value.

    Texts come from outside: control characters become spaces, and a long text is cut.
    """
    parts = []
    for literal, name, unit, _ in Formatter().parse(template):
        parts.append(literal)
        if name is not None:
            parts.append(_written(values[name], unit or "number"))
    return "".join(parts)


def _written(value: str | float | None, unit: str) -> str:
    if value is None:
        return "unknown"
    return one_line(value, _LONGEST_TEXT) if isinstance(value, str) else UNITS[unit](value)


def one_line(text: str, most: int = _LONGEST_LABEL) -> str:
    """`text` without control characters, cut to `most` characters, a readable length."""
    plain = _CONTROL.sub(" ", text)
    return plain if len(plain) <= most else plain[: most - 1] + "…"
