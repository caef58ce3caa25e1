from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest
from conftest import NOW
from events import a_call
from prometheus_client import CollectorRegistry
from running_pipeline import decoder, wait_until
from starlette.applications import Starlette
from starlette.testclient import TestClient

from collector.config import CollectorConfig
from collector.disk import disk_trouble, free_bytes
from collector.intake import routes
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.rollup import RollUp
from collector.sources.http import HttpIntake
from store.connection import Store
from store.sql import parse

STORED = parse("stored", "-- stored\nSELECT count() FROM llm_calls FINAL")


def test_a_disk_with_room_is_no_trouble_and_one_without_says_how_little(tmp_path: Path) -> None:
    assert disk_trouble(tmp_path, 100, lambda folder: 100) == ""
    said = disk_trouble(tmp_path, 2**30, lambda folder: 3 * 2**20)
    assert "3 MiB left" in said
    assert "below 1024 MiB" in said


def test_a_server_and_a_limit_of_none_are_never_looked_at() -> None:
    assert disk_trouble(None, 100) == ""
    assert disk_trouble(Path("/nowhere"), 0) == ""


def test_a_folder_that_is_gone_is_trouble(tmp_path: Path) -> None:
    assert "cannot be reached" in disk_trouble(tmp_path / "gone", 1)
    assert free_bytes(tmp_path) > 0


def test_a_sender_is_told_to_come_back_when_there_is_room_again() -> None:
    trouble = ["the disk has 3 MiB left: free some space"]
    intake = HttpIntake(CollectorConfig())
    application = Starlette(routes=routes(intake, CollectorConfig(), trouble=lambda: "".join(trouble)))
    with TestClient(application) as client:
        answer: httpx.Response = client.post("/v1/events", content=a_call().to_json())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json() == {"error": trouble[0]}


def test_what_was_read_is_kept_until_there_is_room(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    trouble = ["the disk has 3 MiB left"]
    intake = HttpIntake(CollectorConfig())
    metrics = Metrics(CollectorRegistry())
    pipeline = Pipeline(intake, decoder(), store, RollUp(store), metrics, lambda: NOW, trouble=lambda: "".join(trouble))
    stop = threading.Event()
    thread = threading.Thread(target=pipeline.run, args=(stop,))
    thread.start()
    waiting = intake.submit([a_call().to_json()])
    wait_until(lambda: "3 MiB left" in caplog.text)
    assert pipeline.paused_reason == trouble[0]
    assert store.query(STORED).scalar() == 0
    trouble.clear()
    assert waiting.result(timeout=30).stored == 1
    stop.set()
    thread.join()
    assert store.query(STORED).scalar() == 1
