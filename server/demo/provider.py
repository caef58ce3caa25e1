"""A provider of language models on the loopback address: OpenAI's and Anthropic's endpoints, scripted answers.

The unmodified client libraries accept what it says. It keeps its own account of every request that it answered,
independent of tokentide, so that the two can be compared.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email import message_from_bytes, policy
from typing import Any

import uvicorn

from server.demo.answers import Answer, Document, token_count
from server.demo.behaviour import Arrival, Behaviour, Mixture, Plan, told_by_name
from server.demo.reply import COMPLETION_EVENTS, Send, reply, send_document

Receive = Callable[[], Awaitable[dict[str, Any]]]

_ENDPOINTS = {
    "/chat/completions": ("openai", "chat"),
    "/completions": ("openai", "completions"),
    "/responses": ("openai", "responses"),
    "/embeddings": ("openai", "embeddings"),
    "/images/generations": ("openai", "images"),
    "/audio/transcriptions": ("openai", "audio"),
    "/messages": ("anthropic", "messages"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answered request. `usage` has the inclusive counts under the names of the event's fields, {} for an error.

    `tells_usage` is false for a streamed completion that was not asked to include them.
    """

    at: datetime
    provider: str
    operation: str
    model: str
    http_status: int
    usage: dict[str, int]
    tells_usage: bool
    team: str
    request_id: str


@dataclass(slots=True)
class ProviderLog:
    """What the provider answered, in the order of the requests' arrival."""

    answered: list[Answered] = field(default_factory=list)


def provider_app(behaviour: Behaviour, log: ProviderLog) -> Callable[..., Awaitable[None]]:
    """An ASGI application that answers as `behaviour` plans and writes every answer into `log`."""
    arrivals: Counter[str] = Counter()

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        endpoint = next((known for path, known in _ENDPOINTS.items() if scope["path"].endswith(path)), None)
        if endpoint is None:
            await send_document(send, 404, [], {"error": {"message": "No such endpoint.", "code": "not_found"}})
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        document = _document(headers.get("content-type", ""), await _body(receive))
        arrival = _arrival(arrivals, datetime.now(timezone.utc), endpoint, headers, document)
        arrivals[arrival.model] += 1
        plan = told_by_name(arrival, behaviour.plan(arrival))
        answer = _answer(arrival, plan)
        log.answered.append(_answered(arrival, plan, answer, _include_usage(document)))
        await asyncio.sleep(plan.delay_seconds)
        await reply(send, arrival, plan, answer, _include_usage(document))

    return app


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _document(content_type: str, body: bytes) -> Document:
    """The request: JSON, or a form with a file, of which only the fields matter."""
    if not content_type.startswith("multipart/form-data"):
        return dict(json.loads(body or b"{}"))
    form = message_from_bytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + body, policy=policy.HTTP)
    fields = ((part.get_param("name", header="content-disposition"), part.get_content()) for part in form.iter_parts())
    return {str(name): str(content).strip() for name, content in fields}


def _arrival(
    before: Counter[str], at: datetime, endpoint: tuple[str, str], headers: dict[str, str], document: Document
) -> Arrival:
    return Arrival(
        number=before.total(),
        of_model=before[str(document.get("model", ""))],
        at=at,
        provider=endpoint[0],
        operation=endpoint[1],
        model=str(document.get("model", "")),
        team=headers.get("x-demo-team", ""),
        retry=int(headers.get("x-stainless-retry-count", "0")),
        stream=bool(document.get("stream")),
        prompt=_said(document.get("system", "")) + _said(_asked(document)),
    )


def _asked(document: Document) -> Any:
    return next((document[key] for key in ("messages", "input", "prompt") if key in document), "")


def _said(part: Any) -> str:
    """All text in a request's messages or input, whatever way they nest."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        return _said(part.get("content", part.get("text", "")))
    return " ".join(_said(item) for item in part) if isinstance(part, list) else ""


def _answer(arrival: Arrival, plan: Plan) -> Answer:
    text = plan.answer or f"You asked: {arrival.prompt[-400:]} This is what we know about it, and what you can do next."
    input_tokens = token_count(arrival.prompt)
    return Answer(
        request_id=f"{arrival.number:08d}",
        model=arrival.model,
        text=text,
        input_tokens=input_tokens,
        cached_tokens=int(input_tokens * plan.cached_share),
        output_tokens=0 if arrival.operation == "embeddings" else token_count(text),
        created=int(arrival.at.timestamp()),
    )


def _include_usage(document: Document) -> bool:
    return bool((document.get("stream_options") or {}).get("include_usage"))


def _answered(arrival: Arrival, plan: Plan, answer: Answer, include_usage: bool) -> Answered:
    usage = {
        "input_tokens": answer.input_tokens,
        "cache_read_tokens": answer.cached_tokens,
        "output_tokens": answer.output_tokens,
    }
    return Answered(
        at=arrival.at,
        provider=arrival.provider,
        operation=arrival.operation,
        model=arrival.model,
        http_status=plan.http_status,
        usage=usage if plan.http_status == 200 else {},
        tells_usage=include_usage or not (arrival.stream and arrival.operation in COMPLETION_EVENTS),
        team=arrival.team,
        request_id=f"req_{answer.request_id}",
    )


@dataclass(frozen=True, slots=True)
class RunningProvider:
    """A provider that listens at `url`; `openai_url` is what OpenAI's client wants as its base URL."""

    url: str
    log: ProviderLog

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI's client, which ends with the API's version."""
        return f"{self.url}/v1"


@contextmanager
def running_provider(behaviour: Behaviour | None = None, port: int = 0) -> Iterator[RunningProvider]:
    """A provider on a thread of its own, on a free port unless one is given. Raises OSError if the port is in use."""
    log = ProviderLog()
    # asyncio turns Nagle's delay off only for sockets that name their protocol.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        config = uvicorn.Config(
            provider_app(behaviour or Mixture(), log),
            lifespan="off",
            ws="none",
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="demo-provider", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield RunningProvider(f"http://127.0.0.1:{listener.getsockname()[1]}", log)
        finally:
            server.should_exit = True
            thread.join(timeout=5)
