"""Google's endpoints of Gemini on the loopback address: answers of the real shape, scripted by the model's name.

The names are those of the demo's provider (`fail2-`, `status500-`, `delay200-`, `s20x5-`, `cut3-`, `cached50-`,
`long9000-`), and `blocked-`, which refuses the prompt.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import uvicorn

from server.demo.answers import token_count
from server.demo.behaviour import Arrival, Plan, told_by_name

Document = dict[str, Any]
Send = Callable[[Document], Awaitable[None]]
Receive = Callable[[], Awaitable[Document]]

THOUGHTS = 40
TOOL_TOKENS = 5
_CODES = {404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}


@dataclass(slots=True)
class GeminiLog:
    """What was asked and answered, in the order of arrival: the usage in the words of the event's fields."""

    usages: list[dict[str, int]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def error(http_status: int, retry_after_ms: int) -> Document:
    """An error as Google words it; a limit that was hit says when to try again."""
    details: list[Document] = []
    if http_status == 429:
        details = [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [
                    {
                        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                        "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                        "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
                        "quotaValue": "10",
                    }
                ],
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after_ms / 1000:g}s"},
        ]
    code = _CODES.get(http_status, "UNKNOWN")
    return {"error": {"code": http_status, "message": f"Scripted: {code}.", "status": code, "details": details}}


class _Answer:
    """One scripted answer: its texts and its counts."""

    def __init__(self, model: str, plan: Plan, asked: str) -> None:
        self.model = model
        said = plan.answer or f"You asked: {asked[-400:]} This is what we know about it, and what you can do next."
        size = -(-len(said) // plan.chunks)
        self.pieces = [said[start : start + size] for start in range(0, len(said), size)]
        self.prompt_tokens = token_count(asked)
        self.cached_tokens = int(self.prompt_tokens * plan.cached_share)
        self.said_tokens = token_count(said)

    def usage(self) -> dict[str, int]:
        """The inclusive counts under the names of the event's fields."""
        return {
            "input_tokens": self.prompt_tokens + TOOL_TOKENS,
            "cache_read_tokens": self.cached_tokens,
            "output_tokens": self.said_tokens + THOUGHTS,
            "reasoning_tokens": THOUGHTS,
        }

    def document(self, pieces: list[str], finish_reason: str | None) -> Document:
        """A whole answer, or with some of the pieces and no reason to finish an event of a stream."""
        candidate: Document = {"content": {"role": "model", "parts": [{"text": piece} for piece in pieces]}, "index": 0}
        usage: Document = {
            "promptTokenCount": self.prompt_tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": self.prompt_tokens}],
            "toolUsePromptTokenCount": TOOL_TOKENS,
            "thoughtsTokenCount": THOUGHTS,
            "totalTokenCount": self.prompt_tokens + TOOL_TOKENS + THOUGHTS,
        }
        if self.cached_tokens:
            usage["cachedContentTokenCount"] = self.cached_tokens
        if finish_reason:
            candidate["finishReason"] = finish_reason
            usage["candidatesTokenCount"] = self.said_tokens
            usage["totalTokenCount"] += self.said_tokens
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": self.model,
            "responseId": "V1pbaZ-mNcnu1PIP-e_DoQY",
        }

    def events(self) -> Iterator[Document]:
        """The events of a stream: a thought first, then the text, the reason to finish with the last of it."""
        thought = self.document([], None)
        thought["candidates"][0]["content"]["parts"] = [{"text": "**Looking at the question**", "thought": True}]
        yield thought
        for piece in self.pieces[:-1]:
            yield self.document([piece], None)
        yield self.document(self.pieces[-1:], "STOP")


def _words(part: Any) -> str:
    """All text in a request's contents, whatever way they nest."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        return " ".join(_words(value) for key, value in part.items() if key not in ("role", "model", "taskType"))
    return " ".join(_words(item) for item in part) if isinstance(part, list) else ""


def gemini_app(log: GeminiLog) -> Callable[..., Awaitable[None]]:
    """An ASGI application that answers as the model's name says."""
    tries: Counter[str] = Counter()

    async def app(scope: Document, receive: Receive, send: Send) -> None:
        document = json.loads(await _body(receive) or b"{}")
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        model, _, method = scope["path"].rpartition("/")[2].partition(":")
        log.paths.append(scope["path"])
        if not method:
            await _send_document(send, 404, error(404, 0), headers)
            return
        # The client says nothing of its tries, so they are counted for each of its tests' own names.
        plan = _plan(model, tries[model], document)
        tries[model] += 1
        answer = _Answer(model, plan, _words(document.get("contents", document)))
        log.usages.append(answer.usage())
        await asyncio.sleep(plan.delay_seconds)
        if plan.http_status != 200:
            await _send_document(send, plan.http_status, error(plan.http_status, plan.retry_after_ms), headers)
        elif method == "streamGenerateContent":
            tries[model] = 0
            await _send_events(send, plan, answer, model.startswith("blocked-"))
        else:
            tries[model] = 0
            await _send_document(send, 200, _unary(method, answer, document, model.startswith("blocked-")), headers)

    return app


def _plan(model: str, retry: int, document: Document) -> Plan:
    arrival = Arrival(
        number=0,
        at=datetime.now(timezone.utc),
        provider="google",
        operation="generate_content",
        model=model,
        team="",
        retry=retry,
        stream=False,
        prompt=_words(document),
    )
    return told_by_name(arrival, Plan())


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _blocked(answer: _Answer) -> Document:
    usage = {"promptTokenCount": answer.prompt_tokens, "totalTokenCount": answer.prompt_tokens}
    feedback = {"blockReason": "PROHIBITED_CONTENT"}
    return {"promptFeedback": feedback, "usageMetadata": usage, "modelVersion": answer.model}


def _unary(method: str, answer: _Answer, document: Document, is_blocked: bool) -> Document:
    if method == "generateContent":
        return _blocked(answer) if is_blocked else answer.document(["".join(answer.pieces)], "STOP")
    if method == "countTokens":
        return {"totalTokens": answer.prompt_tokens}
    vector = {"values": [0.013, -0.27, 0.5]}
    usage = {"promptTokenCount": answer.prompt_tokens}
    if method == "batchEmbedContents":
        return {"embeddings": [vector for _ in document["requests"]], "usageMetadata": usage}
    if method == "embedContent":
        return {"embedding": vector, "usageMetadata": usage}
    statistics = {"token_count": answer.prompt_tokens, "truncated": False}
    return {
        "predictions": [{"embeddings": {"statistics": statistics, **vector}} for _ in document["instances"]],
        "metadata": {"billableCharacterCount": 23},
    }


async def _send_document(send: Send, http_status: int, document: Document, asked: dict[str, str]) -> None:
    """Packed when the client takes it, as Google does."""
    body = json.dumps(document, indent=2).encode()
    headers = [(b"content-type", b"application/json; charset=UTF-8"), (b"x-gemini-service-tier", b"standard")]
    if "gzip" in asked.get("accept-encoding", ""):
        body = gzip.compress(body)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_events(send: Send, plan: Plan, answer: _Answer, is_blocked: bool) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for number, event in enumerate([_blocked(answer)] if is_blocked else answer.events()):
        if number == plan.cut_after:
            return
        await asyncio.sleep(plan.gap_seconds)
        await send({"type": "http.response.body", "body": b"data: %s\r\n\r\n" % _dump(event), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _dump(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class RunningGemini:
    """A server that listens at `url`."""

    url: str
    log: GeminiLog


@contextmanager
def running_gemini() -> Iterator[RunningGemini]:
    """The server on a thread of its own, on a free port."""
    log = GeminiLog()
    # asyncio turns Nagle's delay off only for sockets that name their protocol.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        config = uvicorn.Config(gemini_app(log), lifespan="off", ws="none", log_level="critical")
        config.timeout_graceful_shutdown = 1
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="gemini", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield RunningGemini(f"http://127.0.0.1:{listener.getsockname()[1]}", log)
        finally:
            server.should_exit = True
            thread.join(timeout=5)
