"""The command `tokentide demo` as a process, and the processes that it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_S = 180.0


class DemoRun:
    """A running demo; its standard error is in `log`."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.log = folder / "demo.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "demo", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "TMPDIR": str(folder)},
            )

    def document(self) -> dict[str, Any]:
        """Wait for the end, which must be a good one, and return what was printed as JSON."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, self.log.read_text() + said
        found: dict[str, Any] = json.loads(said)
        return found

    def children(self) -> dict[int, str]:
        """The processes that the demo started: id → command line."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_text().replace("\0", " ")
            except (OSError, ProcessLookupError):
                continue
            if parent == self.process.pid:
                found[int(folder.name)] = command
        return found

    def kill_child(self, part_of_command: str) -> None:
        """Kill the one process that the demo started with this in its command line."""
        (number,) = [number for number, command in self.children().items() if part_of_command in command]
        os.kill(number, signal.SIGKILL)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait for something to happen while the demo runs."""
        give_up = time.monotonic() + PATIENCE_S
        while not happened():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.1)


@contextmanager
def running_demo(arguments: list[str], folder: Path) -> Iterator[DemoRun]:
    """A demo that is ended, with all that it started, if the test does not wait for it."""
    run = DemoRun(arguments, folder)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(60)
        assert run.process.stdout is not None
        run.process.stdout.close()
