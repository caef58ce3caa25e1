"""A server on the loopback address that answers the requests to a path with recorded answers, one after the other."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """One recorded answer. More than one piece is sent as a stream; `is_cut` loses the connection after the last."""

    pieces: tuple[bytes, ...]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    is_cut: bool = False
    delay_seconds: float = 0.0


def document(answer: object, status: int = 200, delay_seconds: float = 0.0, **headers: str) -> Recorded:
    """A JSON answer; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Recorded((json.dumps(answer).encode(),), status, named, delay_seconds=delay_seconds)


def server_sent(*events: object, done: bool = False, is_cut: bool = False) -> Recorded:
    """Server-sent events, with OpenAI's end mark if `done`."""
    pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events] + [b"data: [DONE]\n\n"] * done
    return Recorded(tuple(pieces), content_type="text/event-stream", is_cut=is_cut)


def lines(*events: object, content_type: str = "application/x-ndjson", is_cut: bool = False) -> Recorded:
    """Lines of JSON."""
    pieces = tuple(json.dumps(event).encode() + b"\n" for event in events)
    return Recorded(pieces, content_type=content_type, is_cut=is_cut)


@dataclass
class RecordedAnswersServer:
    """Where it listens, and what it was asked: the path and the JSON of every request."""

    url: str = ""
    asked: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def answering(answers: Mapping[str, Recorded | Sequence[Recorded]]) -> Iterator[RecordedAnswersServer]:
    """Serves inside the block. The last answer of a path is given again; an unknown path gets status 404."""
    served = RecordedAnswersServer()
    waiting = {path: [found] if isinstance(found, Recorded) else list(found) for path, found in answers.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            served.asked.append((self.path, json.loads(body or b"{}")))
            left = waiting.get(self.path, [document({"error": "not found"}, 404)])
            answer = left.pop(0) if len(left) > 1 else left[0]
            time.sleep(answer.delay_seconds)
            _send(self, answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _send(handler: BaseHTTPRequestHandler, answer: Recorded) -> None:
    is_stream = len(answer.pieces) > 1 or answer.is_cut
    handler.send_response(answer.status)
    handler.send_header("content-type", answer.content_type)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    if is_stream:
        handler.send_header("transfer-encoding", "chunked")
    else:
        handler.send_header("content-length", str(len(answer.pieces[0])))
    handler.end_headers()
    try:
        for piece in answer.pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if is_stream else piece)
            handler.wfile.flush()
            if is_stream:
                time.sleep(0.002)  # so that the pieces arrive one by one
        if is_stream and not answer.is_cut:
            handler.wfile.write(b"0\r\n\r\n")
    except ConnectionError:  # the client has left
        handler.close_connection = True
    if answer.is_cut:
        handler.close_connection = True
