"""Run a program: its loops on threads, its routes on the address of the configuration, until a signal or a failure."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alerts.rule import RuleError
from analyzers.embedders.embedder import EmbedderError
from server.admin import Access, AccessControl
from server.config import ServerConfig
from server.programs import Loop, Program
from store.connection import Store
from store.errors import StoreError
from store.sql import load

log = logging.getLogger(__name__)

_JOIN_SECONDS = 60.0
_NO_TOKENS: Final = Access()
_DEFAULTS: Final = ServerConfig()
SETTING_AT_FAULT = (EmbedderError, RuleError)


class AddressInUse(Exception):
    """Another program listens on the address: stop it, or set another server.port."""


class LoopFailed(Exception):
    """A part of the program ended with an error, so all of it stops."""


class _Server(uvicorn.Server):
    """Tells the loops to stop as soon as it stops itself, so that requests that wait for them get their answer."""

    loops: Loops | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.loops:
            self.loops.begin_stop()
        await super().shutdown(sockets)


class Loops:
    """The running loops of a program; when one fails all are stopped and `on_failure` is called."""

    def __init__(self, loops: dict[str, Loop], on_failure: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._on_failure = on_failure
        self.failure: str | None = None
        self._threads = [threading.Thread(target=self._run, args=item, name=item[0]) for item in loops.items()]

    def start(self) -> None:
        """Start every loop."""
        for thread in self._threads:
            thread.start()

    def begin_stop(self) -> None:
        """Tell every loop to stop; return at once."""
        self._stop.set()

    def stop(self) -> None:
        """Tell every loop to stop and wait for each, at most a minute."""
        self.begin_stop()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _run(self, name: str, loop: Loop) -> None:
        try:
            loop(self._stop)
        except Exception as error:
            # A setting at fault needs a sentence, not a traceback.
            log.error("%s failed: %s", name, error, exc_info=not isinstance(error, SETTING_AT_FAULT))
            self.failure = self.failure or f"{name} failed: {error}"
            self._stop.set()
            self._on_failure()


def listen(config: ServerConfig) -> socket.socket:
    """A socket that listens on the configured address. Raises AddressInUse."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise AddressInUse(
            f"cannot listen on {config.host}:{config.port} ({error.strerror}): "
            "stop the program that does, or choose another port with --port"
        ) from error
    return listener


def application(program: Program, store: Store, registry: CollectorRegistry, access: Access) -> Starlette:
    """Every route of the program and those that all programs have, behind the decision of `access`."""
    return Starlette(
        routes=[*program.routes, *_own_routes(program, store, registry)],
        middleware=[Middleware(AccessControl, access=access)],
        exception_handlers={StoreError: _store_away},
    )


def serve(
    program: Program,
    store: Store,
    listener: socket.socket,
    registry: CollectorRegistry,
    access: Access = _NO_TOKENS,
    config: ServerConfig = _DEFAULTS,
) -> None:
    """Serve until SIGINT or SIGTERM; then finish what is in hand. `access` decides about every request of every route,
    `config` says whether over TLS. Raises LoopFailed when a loop failed.
    """
    settings = uvicorn.Config(
        application(program, store, registry, access),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        # Who asks is who is connected: what a header says of it may be anyone's word.
        proxy_headers=False,
        ssl_certfile=config.tls_certificate,
        ssl_keyfile=config.tls_key,
    )
    server = _Server(settings)

    def end_server() -> None:
        server.should_exit = True

    loops = server.loops = Loops(program.loops, end_server)
    _on_signals(end_server)
    loops.start()
    try:
        server.run(sockets=[listener])
    finally:
        loops.stop()
        listener.close()
        store.close()
    if loops.failure:
        raise LoopFailed(loops.failure)


def _on_signals(end_server: Callable[[], None]) -> None:
    """While uvicorn starts and after it has ended its handlers are not there, and it raises the signal that ended it
    again: neither may the signal be lost, nor cut off what the loops still finish.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end_server())


def _store_away(request: Request, error: Exception) -> Response:
    said = error.plain if isinstance(error, StoreError) else error
    log.warning("%s was not answered: %s", request.url.path, said)
    return JSONResponse({"error": f"the store does not answer: {error}"}, status_code=503, headers={"Retry-After": "5"})


def _own_routes(program: Program, store: Store, registry: CollectorRegistry) -> list[Route]:
    def health(request: Request) -> Response:
        try:
            store.query(load("server", "answers"))
        except StoreError as error:
            return JSONResponse({"status": "store away", "detail": str(error)}, status_code=503)
        return JSONResponse({"status": "ok"})

    def ready(request: Request) -> Response:
        wrong = {name: said for name, check in program.checks.items() if (said := check())}
        try:
            store.query(load("server", "answers"))
        except StoreError as error:
            wrong["store"] = str(error)
        return JSONResponse({"ready": not wrong, **wrong}, status_code=503 if wrong else 200)

    def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", health), Route("/readyz", ready), Route("/metrics", metrics)]
