"""A server on the loopback address that speaks as Mistral, Cohere and Ollama do, scripted by the model's name.

The names are those of the demo's provider: `fail2-`, `status500-`, `delay200-`, `s20x5-`, `cut3-`, `cached50-`,
`long9000-`. It counts the tries of each model itself, until one is answered.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from server.demo.behaviour import Arrival, Plan, told_by_name

TEXT = "Use any machine in a station, or the app. It takes a minute."
INPUT, OUTPUT = 120, 96
Document = dict[str, Any]
Framing = Callable[[Document], bytes]


class Script(NamedTuple):
    """What is answered to one request."""

    model: str
    text: str
    cached: int
    pieces: list[str]


class Dialect(NamedTuple):
    """How one provider words an answer, the events of a stream and an error, and what its headers say."""

    whole: Callable[[Script], Document]
    events: Callable[[Script], Iterator[Document]]
    error: Callable[[int], Document]
    content_type: str
    frame: Framing
    end: bytes = b""
    request_id: str = ""
    refused: tuple[tuple[str, str], ...] = ()


def server_sent(event: Document) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def line(event: Document) -> bytes:
    """A line of JSON."""
    return json.dumps(event).encode() + b"\n"


@dataclass
class ScriptedServer:
    """Where it listens, and what it told last: the request's id and the counts in the event's words."""

    dialects: dict[str, Dialect]
    url: str = ""
    requests: int = 0
    told: dict[str, int] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)

    def next_plan(self, model: str) -> Plan:
        """What the model's name asks for at this try."""
        now = datetime.now(timezone.utc)
        said = {"provider": "", "operation": "", "team": "", "prompt": "", "stream": False}
        arrival = Arrival(number=0, at=now, model=model, retry=self.tries[model], **said)  # type: ignore[arg-type]  # a plain mapping
        plan = told_by_name(arrival, Plan(chunks=5, answer=TEXT))
        self.tries[model] = 0 if plan.http_status == 200 else self.tries[model] + 1
        return plan


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of: ScriptedServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        running, dialect = self.server_of, self.server_of.dialects[self.path]
        plan = running.next_plan(asked["model"])
        running.requests += 1
        time.sleep(plan.delay_seconds)
        cached = int(INPUT * plan.cached_share)
        running.told = {"input_tokens": INPUT, "cache_read_tokens": cached, "output_tokens": OUTPUT}
        size = -(-len(plan.answer) // plan.chunks)
        pieces = [plan.answer[start : start + size] for start in range(0, len(plan.answer), size)]
        script = Script(asked["model"], plan.answer, cached, pieces)
        if plan.http_status != 200:
            refused = dialect.refused if plan.http_status == 429 else ()
            self._whole(plan.http_status, dialect.error(plan.http_status), dialect, refused)
        elif asked.get("stream"):
            self._stream(dialect, script, plan)
        else:
            self._whole(200, dialect.whole(script), dialect)

    def _whole(
        self, status: int, document: Document, dialect: Dialect, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        body = json.dumps(document).encode()
        length = ("content-length", str(len(body)))
        self._begin(status, dialect, ("content-type", "application/json"), length, *headers)
        self.wfile.write(body)

    def _stream(self, dialect: Dialect, script: Script, plan: Plan) -> None:
        self._begin(200, dialect, ("content-type", dialect.content_type), ("transfer-encoding", "chunked"))
        frames = [*map(dialect.frame, dialect.events(script)), *([dialect.end] if dialect.end else [])]
        for number, frame in enumerate(frames):
            if number == plan.cut_after:
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(frame), frame))
            time.sleep(plan.gap_seconds)
        self.wfile.write(b"0\r\n\r\n")

    def _begin(self, status: int, dialect: Dialect, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        named = [(dialect.request_id, f"request-{self.server_of.requests}")] if dialect.request_id else []
        for name, value in (*headers, *named):
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):  # the client left
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def scripted_server(dialects: dict[str, Dialect]) -> Iterator[ScriptedServer]:
    """A server for the dialects by their paths, on a thread of its own, on a free port."""
    running = ScriptedServer(dialects)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_of": running}))
    server.daemon_threads = True
    running.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()
