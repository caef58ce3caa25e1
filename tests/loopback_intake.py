"""A real HTTP server on loopback in the place of the intake, which answers as a test wants it to."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """`status` None means: hang up without an answer. `delay_s` may be infinite."""

    status: int | None = 200
    retry_after: str = ""
    delay_s: float | None = 0.0
    content_type: str = "application/json"
    body: bytes = b"{}"


OK = Reply()
HANGING = Reply(delay_s=None)


class LoopbackIntake:
    """`records` are those that were answered with 200, `requests` the headers and records of every request."""

    def __init__(self, reply: Callable[[list[bytes]], Reply] = lambda records: OK, port: int = 0) -> None:
        self.reply = reply
        self.records: list[bytes] = []
        self.requests: list[tuple[dict[str, str], list[bytes]]] = []
        self.connections = 0
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler(), bind_and_activate=True)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> LoopbackIntake:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        intake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                intake.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                intake._answer(self, body.split(b"\n"))

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler, records: list[bytes]) -> None:
        self.requests.append((dict(handler.headers), records))
        reply = self.reply(records)
        self._over.wait(reply.delay_s)
        if reply.status is None or self._over.is_set():
            handler.close_connection = True
            return
        if reply.status == 200:
            self.records += records
        handler.send_response(reply.status)
        if reply.retry_after:
            handler.send_header("Retry-After", reply.retry_after)
        handler.send_header("Content-Type", reply.content_type)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)
