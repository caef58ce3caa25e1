"""The command `tokentide` as a process of its own, as its users run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKENTIDE = Path(sys.executable).with_name("tokentide")
START_TIMEOUT_S = 60.0


def bare_environment(**variables: str) -> dict[str, str]:
    """This environment without any setting of tokentide and without this checkout on the module path."""
    ours = ("TOKENTIDE_", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | variables


def tokentide(
    folder: Path, *arguments: str, command: Path = TOKENTIDE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `tokentide <arguments>` in `folder` to its end."""
    return subprocess.run(
        [str(command), *arguments],
        cwd=folder,
        env=bare_environment(**{"XDG_STATE_HOME": str(folder / "state"), **variables}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def running_up(folder: Path, *, command: Path = TOKENTIDE, **variables: str) -> Iterator[RunningUp]:
    """`tokentide up` on a free port, with its files in `folder`; stopped at the end when the test did not."""
    running = RunningUp(folder, command, variables)
    try:
        running.wait_until_it_listens()
        yield running
    finally:
        running.process.kill()
        running.process.wait()


class RunningUp:
    """A `tokentide up` in `folder`; `address` is where it listens, `log` what it wrote so far."""

    address = ""

    def __init__(self, folder: Path, command: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self._output = folder / "up.log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [str(command), "up", "--port", "0"],
                cwd=folder,
                env=bare_environment(**variables),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._output.read_text("utf-8")

    def wait_until_it_listens(self) -> None:
        """Returns when the address is known. Fails with the log when the process ends before."""
        give_up = time.monotonic() + START_TIMEOUT_S
        while not (found := re.search(r"listens on (https?://\S+)", self.log)):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < give_up, self.log
            time.sleep(0.05)
        self.address = found[1]

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)
