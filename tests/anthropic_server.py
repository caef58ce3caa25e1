"""Anthropic's Messages API on the loopback address, at whatever path the clouds that resell it put it.

The server of Amazon Bedrock has answers of its own, see `bedrock_server.py`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from server.demo.answers import Answer, message, message_events

TEXT = "Use any machine in a station, or the app. It takes a minute."
INPUT, CACHED, OUTPUT = 120, 60, 96


@dataclass
class AnthropicServer:
    """A server that listens at `url`. `paths` are those that were asked, in their order."""

    url: str
    paths: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    told_of: AnthropicServer

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        self.told_of.paths.append(path)
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = Answer(
            request_id="1",
            model="claude-sonnet-4-5-20250929",
            text=TEXT,
            input_tokens=INPUT,
            cached_tokens=CACHED,
            output_tokens=OUTPUT,
            created=0,
        )
        if path.endswith(("/count_tokens", "/count-tokens:rawPredict")):
            self._reply("application/json", json.dumps({"input_tokens": INPUT}))
        elif asked.get("stream"):
            events = message_events(answer, 5)
            self._reply("text/event-stream", "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events))
        else:
            self._reply("application/json", json.dumps(message(answer)))

    def _reply(self, content_type: str, body: str) -> None:
        self.send_response(200)
        headers = {"content-type": content_type, "content-length": str(len(body)), "request-id": "req_1"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def anthropic_server() -> Iterator[AnthropicServer]:
    """A server on a thread of its own, on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    running = AnthropicServer(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"told_of": running})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()
