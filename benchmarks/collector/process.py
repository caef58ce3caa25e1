"""A program of tokentide as a process of its own, and what it says of itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True, slots=True)
class Running:
    """A process, where it answers, and how much memory it has."""

    pid: int
    address: str

    def metric(self, name: str) -> float:
        """The sum of all values of one of its metrics."""
        text = httpx.get(f"{self.address}/metrics", timeout=60).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def peak_mb(self) -> int:
        """The most resident memory that it has had."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    def wait_for(self, name: str, value: float, patience_s: float) -> float:
        """Wait until a metric has reached `value`; returns the instant, in seconds of the monotonic clock."""
        give_up = time.monotonic() + patience_s
        while (found := self.metric(name)) < value:
            if time.monotonic() > give_up:
                raise SystemExit(f"{name} is {found:g} after {patience_s:g} s and should be {value:g}")
            time.sleep(0.05)
        return time.monotonic()


@contextmanager
def program(name: str, folder: Path, **settings: str) -> Iterator[Running]:
    """`tokentide NAME` in `folder` until the block ends, then asked to end."""
    command = [sys.executable, "-m", "server.cli", name, "--port", "0"]
    environment = dict(os.environ) | {f"TOKENTIDE_{key.upper()}": value for key, value in settings.items()}
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "listens on" in line:
                break
        else:
            raise SystemExit("".join(said))
        yield Running(process.pid, said[-1].split()[-1])
    finally:
        process.terminate()
        process.communicate(timeout=120)
