"""The quick form of every fault: nothing is missing, nothing is counted twice, and only what was planted is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from repository import ROOT

from server.kafka_broker import KafkaBroker

MATRIX = ROOT / "benchmarks" / "faults" / "matrix.py"
NAMES = re.findall(r'^    "([a-z-]+)": Scenario\(', (MATRIX.parent / "scenarios.py").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_and_nothing_counted_twice(name: str, kafka: KafkaBroker) -> None:
    arguments = ["--quick", "--here", "--seed", "7", "--only", name, "--bootstrap", kafka.bootstrap]
    done = subprocess.run(
        [sys.executable, str(MATRIX), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (row,) = json.loads(done.stdout.splitlines()[-1])["rows"]
    if "skipped" in row:
        pytest.skip(row["skipped"])
    assert row["times"] > 0
    assert row["emitted"] > 300
    assert row["dead_letters"] > 5


def test_every_fault_is_tried() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 10
