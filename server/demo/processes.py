"""The processes that the demo starts: `tokentide up` and the apps.

Each has a session of its own, so that Ctrl-C reaches only the demo, which then ends them in the right order.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import httpx

from server.demo.apps.visits import Orders

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 15.0
_FOREIGN: Final = ("TOKENTIDE_", "OPENAI_", "ANTHROPIC_")


class DemoError(Exception):
    """A process of the demo did not do its part; the message holds the last lines of its log."""


class Process:
    """One Python module as a process. What it says goes to `<folder>/<name>.log`."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._arguments = arguments
        self._environment = environment
        self._folder = folder
        self._running: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; its working folder is the demo's, so that no settings file of the user's is read."""
        with self.log.open("ab") as log:
            self._running = self._open(log, subprocess.DEVNULL, log)

    def has_ended(self) -> bool:
        """Whether it was started and has ended by itself."""
        return self._running is not None and self._running.poll() is not None

    def stop(self) -> None:
        """Ask it to end, wait for it, and insist after a while."""
        process, self._running = self._running, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def failed(self, what: str) -> DemoError:
        """The error that says what went wrong and ends with the last lines of the log."""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()
        return DemoError("\n".join([f"{self.name} {what}; its last words:", *lines[-8:]]))

    def _open(self, log: IO[bytes], stdin: int, stdout: int | IO[bytes]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *self._arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=log,
            cwd=self._folder,
            env={**_clean(os.environ), **self._environment},
            text=True,
            start_new_session=True,
        )


class Tokentide(Process):
    """`tokentide up` on `port`, with its data in `folder`. It may be killed and started again."""

    def __init__(self, port: int, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__("tokentide", ["server.cli", "up", "--port", str(port)], settings, folder)
        self.url = f"http://127.0.0.1:{port}"
        # Nobody's proxy stands between this process and the loopback address.
        self._client = httpx.Client(base_url=self.url, timeout=10.0, trust_env=False)

    def start(self) -> None:
        """Start it and wait until it answers. Raises DemoError."""
        super().start()
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.has_ended() or time.monotonic() > give_up:
                raise self.failed("did not start")
            time.sleep(0.1)

    def summary(self) -> dict[str, Any] | None:
        """What it has stored, counted and concluded; None when it does not answer."""
        try:
            answer = self._client.get("/api/summary?last=24h").raise_for_status()
        except httpx.HTTPError:
            return None
        found: dict[str, Any] = answer.json()
        return found

    def _answers(self) -> bool:
        try:
            return self._client.get("/healthz").is_success
        except httpx.HTTPError:
            return False


@dataclass(frozen=True, slots=True)
class Served:
    """How many visits an app served, and how many of them ended in an error for the visitor."""

    operations: int
    failed: int


class App(Process):
    """One of the apps in `server.demo.apps`."""

    def __init__(self, orders: Orders, environment: Mapping[str, str], folder: Path) -> None:
        arguments = [f"server.demo.apps.{orders.name}", *orders.arguments()]
        super().__init__(orders.name, arguments, environment, folder)
        self.served: Served | None = None

    def start(self) -> None:
        """Start it; `served` is there once it has finished its calls."""
        with self.log.open("ab") as log:
            process = self._running = self._open(log, subprocess.PIPE, subprocess.PIPE)
        threading.Thread(target=self._listen, args=(process,), name=f"{self.name}-counts", daemon=True).start()

    def stop_calling(self) -> None:
        """Tell it to make no more calls; those under way are finished."""
        if self._running is not None and self._running.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._running.stdin.write("stop\n")
                self._running.stdin.flush()

    def leave(self) -> None:
        """Tell it to end by itself."""
        if self._running is not None and self._running.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._running.stdin.close()

    def wait(self) -> None:
        """Wait until it has ended, as it was told to. Raises DemoError when it does not."""
        try:
            if self._running is not None:
                self._running.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise self.failed("did not end") from error
        self._running = None

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as said:
            line = said.readline()
            if line:
                self.served = Served(**json.loads(line))


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Without settings meant for other programs, and without proxies for the loopback address."""
    kept = {name: text for name, text in environment.items() if not name.startswith(_FOREIGN)}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
