"""From the rows of a rule's query to the readings that the state machine takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alerts.annotations import one_line, placeholders, render
from alerts.rule import Rule, RuleError
from alerts.state import Reading
from store.connection import Result

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TEXT_TYPES = ("String", "LowCardinality(String)")


def readings(result: Result, rule: Rule) -> list[Reading]:
    """The readings in `result`, without rows that have an unknown value or too few samples.

    Raises RuleError when the columns do not keep the contract of a rule's query, or when more than `max_alerts` rows
    are above their threshold.
    """
    labels = check_columns(result, rule)
    found = [_reading(row, labels, rule) for row in result.dicts() if _counts(row, rule)]
    if len({reading.fingerprint for reading in found}) < len(found):
        raise RuleError(f"{rule.query.name}.sql gives several rows with the same labels; group by {', '.join(labels)}")
    above = sum(reading.value > reading.fire_above for reading in found)
    if above > rule.max_alerts:
        raise RuleError(f"{above} alerts at once are more than max_alerts = {rule.max_alerts}; none of them is sent")
    return found


def check_columns(result: Result, rule: Rule) -> list[str]:
    """The label columns of `result`. Raises RuleError when the columns are not what `rule` needs.

    A result without rows comes without columns from the store, so there is nothing to check.
    """
    if not result.rows:
        return []
    name = f"{rule.query.name}.sql"
    written = [column for column, kind in zip(result.columns, result.types, strict=True) if kind in _TEXT_TYPES]
    if missing := [text for text in rule.texts if text not in written]:
        raise RuleError(f"{name} must return a text in the column {missing[0]}")
    labels = [column for column in written if column not in rule.texts]
    if wrong := [label for label in labels if not _LABEL_NAME.fullmatch(label) or label == "alertname"]:
        raise RuleError(f"{name}: {wrong[0]!r} cannot be the name of a label; use letters, digits and underscores")
    needed = ["value", "samples"] + (["limit"] if rule.fire_above is None else [])
    if missing := [column for column in needed if column not in result.columns or column in written]:
        raise RuleError(f"{name} must return a number in the column {missing[0]}")
    known = {"fire_above", *result.columns}
    for key, template in rule.annotations.items():
        for placeholder, unit in placeholders(template).items():
            if placeholder not in known:
                raise RuleError(f"annotation {key}: {placeholder} is not among {', '.join(sorted(known))}")
            if unit and placeholder in written:
                raise RuleError(f"annotation {key}: {placeholder} is a text and has no unit")
    return labels


def _counts(row: Mapping[str, Any], rule: Rule) -> bool:
    known = row["value"] is not None and row.get("limit", 0.0) is not None
    return known and row["samples"] >= rule.min_samples


def _reading(row: Mapping[str, Any], labels: list[str], rule: Rule) -> Reading:
    fire_above = float(row.get("limit", rule.fire_above))
    texts = {label: one_line(row[label]) for label in labels} | {text: row[text] for text in rule.texts}
    numbers = {name: None if value is None else float(value) for name, value in row.items() if name not in texts}
    values: dict[str, str | float | None] = {"fire_above": fire_above, **numbers, **texts}
    return Reading(
        labels={label: row[label] for label in labels} | dict(rule.labels) | {"alertname": rule.alert},
        value=float(row["value"]),
        fire_above=fire_above,
        annotations={key: render(template, values) for key, template in rule.annotations.items()},
    )
