"""Rule tests written as YAML, like promtool's: rows go into real tables, a fake clock ticks, alerts are compared.

A scenario has a sentence (`it`), the `rule` it tests, `settings` of the alerts program, the `every` of its evaluations,
and `steps` in time order. A step inserts the rows of roll-ups, of producers' reports and of measurements (each `at` one
or several instants; a measurement is `lasting` until it), evaluates until its own `at`, and then says exactly which alerts are `pending` and `firing`, what was `told`
since the last step, and texts that the told annotations must contain (`says`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from conftest import NOW

from alerts.channels.channel import Cadence, DeliveryError, Notification
from alerts.config import AlertsConfig
from alerts.duration import parse_duration
from alerts.evaluate import Evaluator
from alerts.journal import read_states
from alerts.rule import Rule, load_rules
from store.connection import Store

_TIME_COLUMNS = {
    "call_minutes": "minute",
    "call_hours": "hour",
    "loss_ledger": "minute",
    "producer_reports": "reported_at",
    "measurements": "window_end",
}


class Notebook:
    """A channel that writes down what it is told; it refuses with `trouble` as long as that is set."""

    cadence = Cadence(firing=None, resolved=None)

    def __init__(self, name: str = "notebook") -> None:
        self.name = name
        self.told: list[Notification] = []
        self.trouble: DeliveryError | None = None

    def send(self, notifications: Sequence[Notification], now: datetime) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.told += notifications


def scenarios(folder: Path) -> list[dict[str, Any]]:
    """Every scenario in the YAML files of `folder`."""
    return [scenario for file in sorted(folder.glob("*.yaml")) for scenario in yaml.safe_load(file.read_text())]


def play(scenario: dict[str, Any], store: Store) -> None:
    """Run `scenario` on `store`. Raises AssertionError at the first step that is not as it says."""
    every = parse_duration(scenario.get("every", "1m"))
    config = AlertsConfig(**scenario.get("settings", {}), interval_s=every.total_seconds(), delay_s=0)
    (rule,) = (one for one in load_rules([], config.rules) if one.alert == scenario["rule"])
    notebook = Notebook()
    evaluator = Evaluator(store, [rule], [notebook], config)
    now = NOW - every
    for step in scenario["steps"]:
        for table in _TIME_COLUMNS:
            _insert(store, table, step.get(table, []), now + every)
        notebook.told.clear()
        while now < NOW + parse_duration(step["at"]):
            now += every
            evaluator.tick(now)
        _compare(step, rule, store, notebook.told)


def insert_calls(store: Store, table: str, at: datetime, version: datetime, **columns: Any) -> None:
    """One row of a roll-up table."""
    row = {_TIME_COLUMNS[table]: f"{at:%Y-%m-%d %H:%M:%S}", "version": f"{version:%Y-%m-%d %H:%M:%S}", **columns}
    store.insert_json(table, json.dumps(row).encode())


def _insert(store: Store, table: str, rows: list[dict[str, Any]], version: datetime) -> None:
    for row in rows:
        instants = row["at"] if isinstance(row["at"], list) else [row["at"]]
        columns = {name: value for name, value in row.items() if name not in ("at", "lasting")}
        for instant in instants:
            at = NOW + _offset(instant)
            if "lasting" in row:
                columns["window_start"] = f"{at - parse_duration(row['lasting']):%Y-%m-%d %H:%M:%S}"
            insert_calls(store, table, at, version, **columns)


def _offset(text: str) -> timedelta:
    return -parse_duration(text[1:]) if text.startswith("-") else parse_duration(text)


def _compare(step: dict[str, Any], rule: Rule, store: Store, told: list[Notification]) -> None:
    states = read_states(store).values()
    own = rule.labels.keys() | {"alertname"}
    for name in ("pending", "firing"):
        found = [{k: v for k, v in state.labels.items() if k not in own} for state in states if state.state == name]
        assert sorted(found, key=str) == sorted(step.get(name, []), key=str), f"{name} at {step['at']}"
    if "told" in step:
        assert [news.status for news in told] == step["told"], f"told at {step['at']}"
    written = " ".join(text for news in told for text in news.annotations.values())
    for text in step.get("says", []):
        assert text in written, f"{text!r} is not said at {step['at']}: {written}"
