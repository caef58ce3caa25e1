"""A real Alertmanager on the loopback interface."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from conftest import needs


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait until `condition` is true. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Alertmanager:
    """One member; it can be stopped and started again with what it kept on disk."""

    def __init__(self, folder: Path, webhook_url: str, cluster: Sequence[str] = ("--cluster.listen-address=",)) -> None:
        self._program = needs("/usr/bin/prometheus-alertmanager", "prometheus-alertmanager")
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._cluster = cluster
        self._address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://{self._address}"
        route = {"receiver": "us", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "300ms"}
        receivers = [{"name": "us", "webhook_configs": [{"url": webhook_url, "send_resolved": True}]}]
        settings = {"route": {**route, "repeat_interval": "1h"}, "receivers": receivers}
        (folder / "alertmanager.yaml").write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        """Start it and wait until it is ready."""
        arguments = [
            self._program,
            f"--config.file={self._folder / 'alertmanager.yaml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address={self._address}",
            *self._cluster,
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(arguments, stdout=log, stderr=log)
        until(self._ready, "Alertmanager is ready")

    def stop(self) -> None:
        """End it in an orderly way."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def alerts(self) -> list[dict[str, Any]]:
        """What it knows now."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts").json()
        return found

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.TransportError:
            return False
