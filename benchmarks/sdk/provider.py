"""A provider of language models that always gives the same answer, and a sink for whatever instrumentations export.

It prints its port, then serves until it is ended. A POST to `/chat/completions` is answered as a plain completion or
as a stream; any other POST counts as an export. A GET tells how many bytes of exports have come.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn

EVENTS_OF_A_STREAM: Final = 53
_TEXT: Final = "You can top up your card in the app, at a machine, or by a transfer from your bank. " * 6
_USAGE: Final = {
    "prompt_tokens": 120,
    "completion_tokens": 96,
    "total_tokens": 216,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
_COMMON: Final = {"id": "chatcmpl-1", "created": 1_767_225_600, "model": "gpt-4o-2024-08-06", "service_tier": "default"}
_HEADERS: Final = [
    (b"x-request-id", b"req_1"),
    (b"openai-processing-ms", b"1"),
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-tokens", b"1999000"),
    (b"x-ratelimit-reset-tokens", b"30ms"),
]
_JSON: Final = [(b"content-type", b"application/json")]

Message = dict[str, Any]


def completion() -> bytes:
    """The plain answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}
    return json.dumps({**_COMMON, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()


def stream() -> list[bytes]:
    """The same as a stream: role, words, finish reason, usage and end mark are 53 events."""

    def event(*choices: Message, **more: object) -> bytes:
        chunk = {**_COMMON, "object": "chat.completion.chunk", "choices": choices, **more}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def choice(finish_reason: str | None = None, **delta: str) -> Message:
        return {"index": 0, "delta": delta, "finish_reason": finish_reason}

    words = [event(choice(content=f"word{number} ")) for number in range(EVENTS_OF_A_STREAM - 4)]
    role, finish = event(choice(role="assistant", content="")), event(choice("stop"))
    return [role, *words, finish, event(usage=_USAGE), b"data: [DONE]\n\n"]


def application() -> Callable[..., Awaitable[None]]:
    """The ASGI application."""
    plain, streamed, exported = completion(), stream(), 0

    async def answer(
        send: Callable[[Message], Awaitable[None]], body: bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_JSON, length, *headers]})
        await send({"type": "http.response.body", "body": body})

    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        nonlocal exported
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        asked = b"".join(parts)
        if scope["method"] == "GET":
            await answer(send, json.dumps({"exported_bytes": exported}).encode(), [])
        elif not scope["path"].endswith("/chat/completions"):
            exported += len(asked)
            await answer(send, b"{}", [])
        elif not json.loads(asked).get("stream"):
            await answer(send, plain, _HEADERS)
        else:
            events = [(b"content-type", b"text/event-stream"), *_HEADERS]
            await send({"type": "http.response.start", "status": 200, "headers": events})
            for chunk in streamed:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    return app


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # What asyncio sets by itself for sockets that it makes: else every answer waits for a delayed acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(application(), log_level="warning", lifespan="off", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
