from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from server import logs


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
