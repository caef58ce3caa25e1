"""What a newcomer types."""

from __future__ import annotations

import os
import subprocess

import pytest
from repository import ROOT

TARGETS = ("demo", "demo-kafka", "test", "check", "bench", "dashboards", "pins", "clean")


def make(*arguments: str) -> str:
    done = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_alone_explains_what_can_be_made():
    listed = [line.split()[1] for line in make("--no-print-directory").splitlines()]
    assert set(TARGETS) <= set(listed)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_explained_can_be_made(target: str):
    assert make("--dry-run", target)


def test_every_script_can_be_run():
    scripts = [ROOT / ".ci" / "run", *(ROOT / "scripts").iterdir()]
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []
    assert [path.name for path in scripts if not path.read_text("utf-8").startswith("#!")] == []


def test_ci_checks_and_tests():
    commands = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert "set -euo pipefail" in commands
    assert commands[-2:] == ["make check", "timeout --foreground 75m make test"]
