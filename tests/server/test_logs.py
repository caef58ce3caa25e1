from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from conftest import NOW

from analyzers.config import AnalyzersConfig
from analyzers.schedule import Schedule
from collector.allocation import allocate
from collector.allocation.shared import SharedCostConfig
from collector.rollup import RollUp
from server import logs
from store.connection import Store
from store.sql import parse


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Handlers and levels of the tests, again after each test."""
    root = logging.getLogger()
    names = ("collector.batches", "collector", "uvicorn.error")
    handlers, level, levels = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_a_line_for_machines_has_the_fields_that_the_record_brings(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "json")
    logging.getLogger("collector.batches").info("stored", extra={"source": "kafka", "records": 3, "lag_s": None})
    line = json.loads(capsys.readouterr().err)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "INFO", "logger": "collector.batches", "message": "stored",
        "source": "kafka", "records": 3, "lag_s": None,
    }  # fmt: skip


def test_an_error_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "json")
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("server").exception("%s failed", "alerts")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "alerts failed"
    assert "ValueError: a bug" in json.loads(line)["error"]


def stopped() -> threading.Event:
    stop = threading.Event()
    stop.set()
    return stop


FEE = SharedCostConfig(monthly=Decimal(600), driver="cost", valid_from=NOW.date())
SCHEDULE = AnalyzersConfig(enabled=["cost"])


@pytest.mark.parametrize(
    "loop",
    [
        lambda store: RollUp(store).run(stopped(), 60.0),
        lambda store: allocate.run(store, {}, {"gateway": FEE}, stopped(), lambda: NOW),
        lambda store: Schedule(store, SCHEDULE).advance(Schedule(store, SCHEDULE).analyzers[0], NOW),
    ],
    ids=["roll-up", "allocation", "analyzers"],
)
def test_trouble_with_the_store_is_one_line_without_its_statement(
    store: Store, capsys: pytest.CaptureFixture[str], loop: Callable[[Store], object]
) -> None:
    logs.configure("INFO", "json")
    store.execute(parse("limit", "-- a limit that no query can keep\nSET max_query_size = 50"))
    try:
        loop(store)
    finally:
        store.execute(parse("limit", "-- none\nSET max_query_size = 0"))
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert "error 62 of ClickHouse" in line["message"]
    assert "SELECT" not in line["message"]
    assert "error" not in line


@pytest.mark.parametrize(("level", "shown"), [("INFO", False), ("DEBUG", True)])
def test_people_see_the_line_of_each_batch_only_when_they_look_for_it(
    capsys: pytest.CaptureFixture[str], level: str, shown: bool
) -> None:
    logs.configure(level)
    logging.getLogger("collector.batches").info("stored")
    logging.getLogger("collector").warning("trouble")
    said = capsys.readouterr().err
    assert ("stored" in said) == shown
    assert "WARNING collector: trouble" in said


def test_the_level_holds_for_machines_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("WARNING", "json")
    logging.getLogger("collector.batches").info("stored")
    assert capsys.readouterr().err == ""
    assert logging.getLogger().handlers[0].stream is sys.stderr  # type: ignore[attr-defined]
