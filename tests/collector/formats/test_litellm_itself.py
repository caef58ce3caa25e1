"""LiteLLM itself, in an environment of its own, hands in what it has called."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import httpx
import pytest
from conftest import needs_environment
from repository import ROOT
from running_intake import serving
from running_pipeline import running_pipeline
from tokentide_process import bare_environment

from collector.config import CollectorConfig
from collector.sources.http import HttpIntake
from server.programs import utc_now
from store.connection import Store
from store.sql import Query

STORED = Query(
    "stored",
    "One row = one stored event.",
    "SELECT operation, status, team, response_id != '' AS has_id, input_tokens, attributes['litellm.tags'] AS tags "
    "FROM llm_calls FINAL ORDER BY started_at",
    {},
)


@pytest.fixture
def intake(store: Store) -> Iterator[httpx.Client]:
    config = CollectorConfig()
    source = HttpIntake(config)
    with running_pipeline(source, store, utc_now), serving(source, config) as client:
        yield client


def test_litellm_itself_hands_in_what_it_has_called(intake: httpx.Client, store: Store):
    python = needs_environment("previous")
    done = subprocess.run(
        [str(python), str(ROOT / "tests/litellm_callback.py"), str(intake.base_url.join("/v1/litellm"))],
        env=bare_environment() | {"PYTHONPATH": f"{ROOT / 'sdk'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [row[:2] + row[3:4] + row[5:] for row in store.query(STORED).rows] == [
        ("chat", "ok", 1, "checkout"),
        ("chat", "ok", 1, "checkout"),
        ("chat", "server_error", 0, "checkout"),
        ("embeddings", "ok", 0, "checkout"),
        ("responses", "ok", 1, ""),
    ]
