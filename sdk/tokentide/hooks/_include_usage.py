"""Opt-in: asking for the usage of a chat stream where the app did not, and taking the extra chunk out of what it sees.

Nothing here runs unless the host of the request was named in the settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from types import ModuleType
from typing import Any, Final

from tokentide.hooks._engine import Engine

_PATH: Final = "/chat/completions"
_REPLACED: Final = ("content-length", "accept-encoding")
_OF_PACKED: Final = ("content-encoding", "content-length")
_NO_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_END_OF_EVENT: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_END_BYTES: Final = 4
_LONGEST_USAGE: Final = 64 * 1024


def asking_for_usage(request: Any, hosts: tuple[str, ...]) -> Any:
    """A request that asks for the usage too; None when this one is of another kind, host, or asks already.

    It also asks for an answer that is not compressed, which need not be unpacked to find the extra chunk.
    """
    url = request.url
    if url.host not in hosts or not url.path.endswith(_PATH):
        return None
    try:
        asked = json.loads(request.content)
    except (ValueError, RuntimeError):  # not JSON, or produced while it is sent
        return None
    if not isinstance(asked, dict) or asked.get("stream") is not True or "stream_options" in asked:
        return None
    headers = [(name, value) for name, value in request.headers.multi_items() if name not in _REPLACED]
    return type(request)(
        request.method,
        url,
        headers=[*headers, ("accept-encoding", "identity")],
        content=json.dumps(asked | {"stream_options": {"include_usage": True}}).encode(),
        extensions=request.extensions,
    )


class WithoutUsage:
    """Takes the chunk that carries only the usage out of a stream of server-sent events; all else passes unchanged.

    An event that is longer than that chunk could be passes as it comes.
    """

    def __init__(self) -> None:
        self._waiting = b""
        self._is_passing = False

    def feed(self, piece: bytes) -> bytes:
        """What the app may see by now: whole events, and the beginning of a long one."""
        text = self._waiting + piece
        seen, start = [], 0
        for end in _END_OF_EVENT.finditer(text):
            event = text[start : end.end()]
            start = end.end()
            if self._is_passing or not _is_usage_only(event):
                seen.append(event)
            self._is_passing = False
        self._waiting = text[start:]
        if self._is_passing or len(self._waiting) > _LONGEST_USAGE:
            self._is_passing = True
            seen.append(self._waiting[:-_END_BYTES])
            self._waiting = self._waiting[-_END_BYTES:]
        return b"".join(seen)

    def rest(self) -> bytes:
        """What is left when the stream has ended in the middle of an event."""
        rest, self._waiting = self._waiting, b""
        return rest


def _is_usage_only(event: bytes) -> bool:
    if not _NO_CHOICES.search(event):
        return False
    data = b"\n".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
    try:
        chunk = json.loads(data)
    except ValueError:
        return False
    return isinstance(chunk, dict) and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)


class _Shown:
    """What the app sees of a stream. `decoder` unpacks it, the client library's own, None for one that is plain."""

    def __init__(self, engine: Engine, decoder: Any) -> None:
        self._engine, self._decoder = engine, decoder
        self._without = WithoutUsage()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The app's share of one piece. What the decoder raises the app would have got from it too."""
        yield from self._of((piece,) if self._decoder is None else self._decoder.decode(piece))

    def rest(self) -> Iterator[bytes]:
        """What is left when the stream has ended."""
        if self._decoder is not None:
            yield from self._of(self._decoder.flush())
        if rest := self._without.rest():
            yield rest

    def _of(self, unpacked: bytes | Iterable[bytes]) -> Iterator[bytes]:
        # httpx's decoders give all at once, httpx2's piece by piece.
        for plain in (unpacked,) if isinstance(unpacked, bytes) else unpacked:
            shown: bytes | None = self._engine.guard(self._without.feed, plain)
            if shown := self._without.rest() + plain if shown is None else shown:
                yield shown


def covered(cover: type[Any], response: Any) -> None:
    """Puts a cover on the stream of an answer, and has the answer say that it is plain where the cover unpacks it."""
    headers = response.headers
    # A stream may have any name but that of one JSON document, which is an error or a refusal to stream.
    if response.is_closed or "json" in headers.get("content-type", "").lower():
        return
    decoder = None
    if encodings := headers.get_list("content-encoding", split_commas=True):
        if not {name.strip().lower() for name in encodings} <= cover.encodings:
            return  # the client library cannot unpack it either
        decoder = response._get_content_decoder()
        del response._decoder  # the answer would unpack it once more
    response.stream = cover(response.stream, decoder)
    if decoder is not None:
        # A copy: the record needs to know how the answer was packed.
        response.headers = type(headers)([each for each in headers.multi_items() if each[0] not in _OF_PACKED])


def make_covers(module: ModuleType, engine: Engine) -> tuple[type[Any], type[Any]]:
    """A sync and an async stream for one of the two libraries that show the app its stream without that chunk.

    Their `encodings` are those that the library unpacks.
    """
    known = frozenset(getattr(getattr(module, "_decoders", None), "SUPPORTED_DECODERS", ()))

    class SyncCover(module.SyncByteStream):  # type: ignore[misc, name-defined]  # the base class is known at run time only
        encodings = known

        def __init__(self, inner: Any, decoder: Any) -> None:
            self._inner = inner
            self._shown = _Shown(engine, decoder)

        def __getattr__(self, name: str) -> Any:
            return getattr(object.__getattribute__(self, "_inner"), name)

        def __iter__(self) -> Iterator[bytes]:
            for piece in self._inner:
                yield from self._shown.feed(piece)
            yield from self._shown.rest()

        def close(self) -> None:
            self._inner.close()

    class AsyncCover(module.AsyncByteStream):  # type: ignore[misc, name-defined]  # as above
        encodings = known

        def __init__(self, inner: Any, decoder: Any) -> None:
            self._inner = inner
            self._shown = _Shown(engine, decoder)

        def __getattr__(self, name: str) -> Any:
            return getattr(object.__getattribute__(self, "_inner"), name)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            inner = self._inner.__aiter__()
            try:
                async for piece in inner:
                    for shown in self._shown.feed(piece):
                        yield shown
                for shown in self._shown.rest():
                    yield shown
            finally:
                if isinstance(inner, AsyncGenerator):
                    await inner.aclose()

        async def aclose(self) -> None:
            await self._inner.aclose()

    return SyncCover, AsyncCover
