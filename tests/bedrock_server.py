"""Amazon Bedrock's runtime on the loopback address: Converse and InvokeModel, whole and streamed, scripted by the model.

A model's name begins with instructions, as for the demo's provider: `fail2-`, `status500-`, `delay200-`, `s20x5-`,
`cut3-`, `cached50-`, `long9000-`; here also `plain-` (an answer that carries no counts, as Llama's), and `thrown-` (an
exception in the middle of a stream). It counts the tries itself, because botocore does not tell them.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit
from zlib import crc32

TEXT = "Use any machine in a station, or the app. It takes a minute."
INPUT, OUTPUT = 120, 96
_INSTRUCTION = re.compile(r"(fail|status|delay|cut|cached|long|s|plain|thrown)(\d*)(?:x(\d+))?-")
_ERRORS = {
    400: ("ValidationException", "Input is too long for requested model."),
    403: ("AccessDeniedException", "You don't have access to the model."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system had an unexpected error."),
    503: ("ServiceUnavailableException", "Try again later."),
}


@dataclass
class BedrockServer:
    """A server that listens at `url`. `tries` counts the requests for each model, `asked` keeps their documents;
    `cached` is how many tokens it last told to have read from the cache.
    """

    url: str
    cached: int = 0
    tries: Counter[str] = field(default_factory=Counter)
    asked: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Script:
    """What a model's name asks for."""

    fails: int = 0
    status: int = 200
    delay: float = 0.0
    cut: int | None = None
    cached: int = 0
    text: str = TEXT
    chunks: int = 5
    gap: float = 0.0
    is_plain: bool = False
    throws: bool = False


def script(model: str) -> Script:
    told: dict[str, Any] = {}
    while found := _INSTRUCTION.match(model):
        word, number, gap = found[1], int(found[2] or 0), int(found[3] or 0)
        model = model[found.end() :]
        told |= {
            "fail": {"fails": number},
            "status": {"status": number},
            "delay": {"delay": number / 1000},
            "cut": {"cut": number},
            "cached": {"cached": INPUT * number // 100},
            "long": {"text": ("All work and no play. " * (number // 22 + 1))[:number]},
            "s": {"chunks": number, "gap": gap / 1000},
            "plain": {"is_plain": True},
            "thrown": {"throws": True},
        }[word]
    return Script(**told)


def message(headers: dict[str, str], payload: dict[str, Any]) -> bytes:
    """One message of Amazon's event stream."""
    body = json.dumps(payload).encode()
    said = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(said) + len(body), len(said))
    whole = prelude + struct.pack(">I", crc32(prelude)) + said + body
    return whole + struct.pack(">I", crc32(whole))


def event(kind: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, payload | {"p": "abcdefgh"})


def exception(kind: str, said: str) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, {"message": said})


def chunk(document: dict[str, Any]) -> bytes:
    return event("chunk", {"bytes": base64.b64encode(json.dumps(document).encode()).decode()})


def _converse_usage(told: Script) -> dict[str, Any]:
    usage = {"inputTokens": INPUT - told.cached, "outputTokens": OUTPUT, "totalTokens": INPUT + OUTPUT}
    return usage | {"cacheReadInputTokens": told.cached, "cacheWriteInputTokens": 0}


def _anthropic_usage(told: Script) -> dict[str, Any]:
    return {"input_tokens": INPUT - told.cached, "cache_read_input_tokens": told.cached, "output_tokens": OUTPUT}


def _converse(told: Script) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": told.text}]}},
        "stopReason": "end_turn",
        "usage": _converse_usage(told),
        "metrics": {"latencyMs": 12},
    }


def _invoke(told: Script) -> dict[str, Any]:
    if told.is_plain:
        return {"generation": told.text, "stop_reason": "stop"}
    return {
        "id": "msg_bdrk_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": told.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _anthropic_usage(told),
    }


def _pieces(told: Script) -> list[str]:
    step = max(1, -(-len(told.text) // max(1, told.chunks)))
    return [told.text[at : at + step] for at in range(0, len(told.text), step)]


def _converse_stream(told: Script) -> Iterator[bytes]:
    yield event("messageStart", {"role": "assistant"})
    for piece in _pieces(told):
        yield event("contentBlockDelta", {"delta": {"text": piece}, "contentBlockIndex": 0})
        if told.throws:
            yield exception("throttlingException", "Too many tokens, please wait before trying again.")
    yield event("contentBlockStop", {"contentBlockIndex": 0})
    yield event("messageStop", {"stopReason": "end_turn"})
    yield event("metadata", {"usage": _converse_usage(told), "metrics": {"latencyMs": 12}})


def _invoke_stream(told: Script) -> Iterator[bytes]:
    metrics = {"inputTokenCount": INPUT - told.cached, "outputTokenCount": OUTPUT, "invocationLatency": 12}
    if told.is_plain:
        for piece in _pieces(told):
            yield chunk({"generation": piece, "stop_reason": None})
        yield chunk({"generation": "", "stop_reason": "stop", "amazon-bedrock-invocationMetrics": metrics})
        return
    start = _invoke(told) | {"content": [], "stop_reason": None, "usage": _anthropic_usage(told) | {"output_tokens": 1}}
    yield chunk({"type": "message_start", "message": start})
    yield chunk({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    for piece in _pieces(told):
        yield chunk({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}})
        if told.throws:
            yield exception("throttlingException", "Too many tokens, please wait before trying again.")
    yield chunk({"type": "content_block_stop", "index": 0})
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield chunk({"type": "message_delta", "delta": delta, "usage": {"output_tokens": OUTPUT}})
    yield chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics})


_WHOLE = {"converse": _converse, "invoke": _invoke, "count-tokens": lambda told: {"inputTokens": INPUT}}
_STREAMED = {"converse-stream": _converse_stream, "invoke-with-response-stream": _invoke_stream}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    told_of: BedrockServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        path = urlsplit(self.path).path  # whoever comes through a proxy sends the whole address
        if not path.startswith("/model/"):
            self._refuse(403)
            return
        _, _, model, operation = path.split("/")
        model = unquote(model)
        self.told_of.asked.append(json.loads(body))
        self.told_of.tries[model] += 1
        told = script(model)
        self.told_of.cached = told.cached
        time.sleep(told.delay)
        if self.told_of.tries[model] <= told.fails:
            self._refuse(429)
        elif told.status != 200:
            self._refuse(told.status)
        elif operation in _WHOLE:
            counted = {
                "X-Amzn-Bedrock-Input-Token-Count": str(INPUT - told.cached),
                "X-Amzn-Bedrock-Output-Token-Count": str(OUTPUT),
            }
            self._answer(200, _WHOLE[operation](told), counted if operation == "invoke" else {})
        else:
            self._stream(_STREAMED[operation](told), told)

    def _refuse(self, status: int) -> None:
        kind, said = _ERRORS[status]
        self._answer(status, {"message": said}, {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/"})

    def _answer(self, status: int, document: dict[str, Any], headers: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self._begin(status, headers | {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _stream(self, messages: Iterator[bytes], told: Script) -> None:
        self._begin(200, {"Content-Type": "application/vnd.amazon.eventstream", "Transfer-Encoding": "chunked"})
        for number, said in enumerate(messages):
            if number == told.cut:
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(said), said))
            time.sleep(told.gap)
        self.wfile.write(b"0\r\n\r\n")

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"x-amzn-RequestId": f"request-{len(self.told_of.asked)}"}).items():
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):  # the client left
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def bedrock_server() -> Iterator[BedrockServer]:
    """A server on a thread of its own, on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    running = BedrockServer(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"told_of": running})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()
