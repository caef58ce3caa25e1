"""An app that a tracer and our hook both watch is counted once; one that only a tracer watches is counted by its spans."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from conftest import needs_environment
from repository import ROOT
from running_intake import serving
from running_pipeline import running_pipeline
from tokentide_process import bare_environment

from collector.config import CollectorConfig
from collector.sources.http import HttpIntake
from server.demo.provider import RunningProvider, running_provider
from store.connection import Store
from store.sql import parse

TRACERS = ("openinference", "openllmetry", "opentelemetry")
COUNTED = parse(
    "counted",
    "-- what counts of each app\nSELECT app, sum(attempts), sum(operations), sum(ok), sum(failed_operations),"
    " sum(input_tokens), sum(output_tokens) FROM call_minutes FINAL GROUP BY app ORDER BY app",
)
STORED = parse(
    "stored", "-- rows by app\nSELECT app, count(), sum(superseded) FROM llm_calls FINAL GROUP BY app ORDER BY app"
)
DEAD = parse("dead", "-- dead letters\nSELECT reason, detail, body FROM dead_letters FINAL")


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


def run(store: Store, provider: RunningProvider, tracer: str, who: str, folder: Path) -> None:
    """The app, from its first call until everything it told of is stored and rolled up."""
    python, config = needs_environment("beside"), CollectorConfig()
    source = HttpIntake(config)
    now = lambda: datetime.now(timezone.utc)  # noqa: E731
    with running_pipeline(source, store, now) as roll_up, serving(source, config) as client:
        command = [str(python), str(ROOT / "tests" / "traced_app.py"), provider.url, str(client.base_url).rstrip("/")]
        environment = bare_environment(TOKENTIDE_SPOOL_DIR=str(folder)) | {"PYTHONPATH": str(ROOT / "sdk")}
        done = subprocess.run(
            [*command, tracer, who], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        while roll_up.rebuild():
            pass
    assert store.query(DEAD).rows == []


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_call_that_both_tell_of_counts_once(
    store: Store, provider: RunningProvider, tracer: str, tmp_path: Path
) -> None:
    run(store, provider, tracer, "both", tmp_path)
    (hooked, attempts, operations, ok, failed, *tokens), *others = store.query(COUNTED).rows
    assert (hooked, attempts, operations, ok, failed) == ("hooked", 6, 4, 3, 1)
    assert all(tokens)
    assert others == []
    assert store.query(STORED).rows == [("hooked", 6, 0), ("traced", 4, 4)]


@pytest.mark.parametrize("tracer", TRACERS)
def test_what_only_a_tracer_tells_of_counts_by_its_spans(
    store: Store, provider: RunningProvider, tracer: str, tmp_path: Path
) -> None:
    run(store, provider, tracer, "tracer", tmp_path)
    ((app, attempts, operations, ok, failed, *tokens),) = store.query(COUNTED).rows
    assert (app, attempts, operations, ok, failed) == ("traced", 4, 4, 3, 1)
    assert all(tokens)
