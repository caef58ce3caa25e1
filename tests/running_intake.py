"""The HTTP intake on a real server, for tests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette

from collector.config import CollectorConfig
from collector.intake import routes
from collector.sources.http import HttpIntake


@contextmanager
def serving(intake: HttpIntake, config: CollectorConfig) -> Iterator[httpx.Client]:
    """The intake's routes on a real server on loopback."""
    settings = uvicorn.Config(Starlette(routes=routes(intake, config)), port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        try:
            yield client
        finally:
            server.should_exit = True
            thread.join()
