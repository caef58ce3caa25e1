"""Beside the instrumentations that people already have, patched before ours or after: each goes on as if alone."""

from __future__ import annotations

import functools
import json
import subprocess
from typing import Any

import pytest
from conftest import needs_environment
from repository import ROOT
from tokentide_process import bare_environment

from server.demo.provider import RunningProvider

OTHERS = ("ddtrace", "langfuse", "openinference", "openllmetry", "opentelemetry")


@functools.cache
def run(url: str, other: str, order: str) -> dict[str, Any]:
    python = needs_environment("beside")
    environment = bare_environment() | {"PYTHONPATH": str(ROOT / "sdk")}
    command = [str(python), str(ROOT / "tests" / "beside_app.py"), url, other, order]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("order", ["ours-first", "ours-last"])
@pytest.mark.parametrize("other", OTHERS)
def test_every_attempt_is_recorded_once_whoever_patched_first(
    other: str, order: str, provider: RunningProvider
) -> None:
    calls = run(provider.url, other, order)["calls"]
    assert [call[:3] for call in calls] == [
        ["rate_limited", 1, False],
        ["rate_limited", 2, False],
        ["ok", 3, True],
        ["ok", 1, True],
        ["ok", 1, True],
        ["server_error", 1, True],
        ["rate_limited", 1, False],
        ["ok", 2, True],
    ]
    assert all(tokens for status, *_, tokens, _ in calls if status == "ok")
    assert calls[3][4] == "complete"


@pytest.mark.parametrize("order", ["ours-first", "ours-last"])
@pytest.mark.parametrize("other", OTHERS)
def test_the_other_one_and_the_app_see_what_they_see_alone(other: str, order: str, provider: RunningProvider) -> None:
    alone, together = run(provider.url, other, "alone"), run(provider.url, other, order)
    assert together["seen"] == alone["seen"]
    assert together["spans"] == alone["spans"]
    assert alone["spans"] != 0
