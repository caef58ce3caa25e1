"""From the bytes that were kept of an answer to its events or its document, on the worker's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tokentide.hooks._encodings import MOST_DECODED, PLAIN, can_unpack, decoded
from tokentide.hooks._event_stream import message_event, split_messages
from tokentide.hooks.attempt import Attempt
from tokentide.hooks.document import ANSWER_KEYS, items, load, mapping, parse, parse_cut
from tokentide.hooks.provider import Document, Endpoint

_LAST_EVENTS: Final = 6
_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
# An event begins with these: what the end of one says under them, it says of a part of itself.
_AT_THE_BEGINNING: Final = ("id", "status")
_AT_THE_END: Final = tuple(key for key in ANSWER_KEYS if key not in _AT_THE_BEGINNING)
_DONE: Final[Document] = {"type": "[DONE]"}


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer's body says. `first_content` is the position of the chunk that brought the first content.

    `is_cut`: it was too long to be kept whole, so its text has a hole. `is_unread`: it is encoded in a way that is not
    known, or was too long to be unpacked to its end. `is_wrong`: it is here whole, it says that it is JSON or HTML, and
    there is no JSON object in it.
    """

    document: Document = field(default_factory=dict)
    is_stream: bool = False
    is_cut: bool = False
    is_unread: bool = False
    is_wrong: bool = False
    is_complete: bool = False
    first_content: int | None = None


def read_body(attempt: Attempt, encoding: str, content_type: str, everything: bool) -> Body:
    """The body of an attempt. With `everything`, all events are read, else only those that can carry more than text.

    Where an encoding cannot be unpacked the body is empty, and the usage counts as missing.
    """
    flow, endpoint = attempt.flow, attempt.route.endpoint
    unread = encoding not in PLAIN and not can_unpack(encoding)
    if flow is None:
        chunks, tail, cut = [attempt.body], attempt.tail, bool(attempt.tail)
    else:
        chunks, tail, cut = flow.head, b"".join(flow.tail), flow.cut
        if encoding not in PLAIN:
            chunks = list(decoded(chunks + [tail] * (not cut), encoding))
            tail, unread = b"", unread or cut or sum(map(len, chunks)) >= MOST_DECODED
    kind = content_type.partition(";")[0].strip().lower()
    framing = FRAMINGS.get(kind) or _framing_by_beginning(kind, chunks, endpoint)
    if framing is None:
        whole = b"".join(chunks) + (b"" if cut else tail)
        document = parse_cut(whole, tail) if cut else _document(whole, endpoint)
        is_wrong = document is None and not unread and _should_be_an_object(whole, kind, endpoint)
        return Body(document or {}, is_cut=cut, is_unread=unread, is_wrong=is_wrong)
    pieces, end = (chunks, tail) if cut else ([*chunks, tail], b"")
    stream = _read_events(framing, pieces, end, endpoint, everything)
    first_content = stream.first_content if flow is not None else None
    return replace(stream, is_cut=cut, is_unread=unread, first_content=first_content)


def _framing_by_beginning(kind: str, chunks: Sequence[bytes], endpoint: Endpoint) -> Framing | None:
    """Of a body of no such kind: that of server-sent events, if it begins as these do and no JSON or HTML does.

    Servers that speak a provider's language send them under any name. A transcript that is a text may begin anyhow.
    """
    if kind and endpoint.operation == "audio":
        return None
    return _SERVER_SENT if b"".join(chunks).lstrip().startswith(_FIELDS) else None


def _document(whole: bytes, endpoint: Endpoint) -> Document | None:
    """The object in a body, if there is one.

    Where others send a stream, Google may send an array of events: what they add up to. It puts an error into one, too.
    """
    if not whole.lstrip().startswith(b"["):
        return parse(whole)
    events = [event for item in items(load(whole)) if (event := mapping(item)) is not None]
    return (endpoint.fold(events) or events[0]) if events else None


def _should_be_an_object(whole: bytes, kind: str, endpoint: Endpoint) -> bool:
    """Whether a body of that kind is a mistake without an object: speech and transcripts have many forms."""
    said = kind in ("application/json", "text/html") or kind.endswith("+json")
    return said and bool(whole.strip()) and endpoint.operation != "audio"


def _read_events(framing: Framing, chunks: Sequence[bytes], tail: bytes, endpoint: Endpoint, everything: bool) -> Body:
    events = _Events(framing, chunks, tail, endpoint, everything)
    reading = iter(events)
    document = dict(endpoint.fold(reading))
    deque(reading, maxlen=0)  # that of an endpoint which never streams leaves them
    is_complete = events.is_complete
    if tail and not _is_counted(endpoint, document):
        # One event may be longer than what is kept of the end. Only a last event carries all counts.
        found = parse_cut(b"", b"\n\n".join(events.last), _AT_THE_END)
        named = {key: document[key] for key in ("id", "model") if document.get(key)}
        document |= {**found, **parse_cut(events.frame, b"", ("id", "model")), **named}
        is_complete = is_complete or _is_counted(endpoint, document)
    return Body(document, is_stream=True, is_complete=is_complete, first_content=events.first_content)


def _cut_end(endpoint: Endpoint, beginning: bytes) -> list[Document]:
    """The event of which only the beginning and the end were kept, if it is one that ends a stream: what it is."""
    event = parse_cut(beginning, b"", ("type",))
    return [event] if endpoint.is_end(event) else []


def _is_counted(endpoint: Endpoint, document: Document) -> bool:
    return "output_tokens" in endpoint.answer(document).tokens


class _Events:
    """The events of a stream, to be read once: with `everything` all of them, else those up to the first with content,
    which chunk `first_content` completed, and the last ones.

    Each is made when it is asked for and not kept: a stream's worth of objects at once sets off the garbage collector,
    which then looks through the app's objects too, and often on the app's thread.

    `frame` is the last that there was, of the frames in `tail` none, which are `last`.
    """

    def __init__(
        self, framing: Framing, chunks: Sequence[bytes], tail: bytes, endpoint: Endpoint, everything: bool
    ) -> None:
        self.is_complete = False
        self.first_content: int | None = None
        self.frame = b""
        self.last = framing.split(tail) if tail else []
        self._framing = framing
        self._chunks = chunks
        self._endpoint = endpoint
        self._everything = everything

    def __iter__(self) -> Iterator[Document]:
        frames = self._frames()
        for position, frame in frames:
            self.frame = frame
            if (event := self._framing.event(frame)) is None:
                continue
            if self.first_content is None and self._endpoint.has_content(event):
                self.first_content = position
            yield self._seen(event)
            if self.first_content is not None and not self._everything:
                break
        waiting = [frame for _, frame in frames if frame.strip()]
        if waiting:
            self.frame = waiting[-1]
        for frame in (waiting + self.last)[-_LAST_EVENTS:]:
            if (event := self._framing.event(frame)) is not None:
                yield self._seen(event)
        if len(self.last) > 1:
            yield from map(self._seen, _cut_end(self._endpoint, self.frame))

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """The frames in `chunks`, each with the position of the chunk that completed it."""
        rest: list[bytes] = []
        for position, chunk in enumerate(self._chunks):
            rest.append(chunk)
            if self._framing.mark not in chunk:  # It ends nothing, and what waits may be long.
                continue
            *frames, left = self._framing.split(b"".join(rest))
            rest = [left]
            for frame in frames:
                yield position, frame
        if (last := b"".join(rest)).strip():
            yield len(self._chunks) - 1, last

    def _seen(self, event: Document) -> Document:
        self.is_complete = self.is_complete or self._endpoint.is_end(event)
        return event


class Framing(NamedTuple):
    """How the bytes of a stream are divided into events.

    A chunk without `mark` ends no event. `split` gives the frames of the events, and last what has not ended yet;
    `event` is the JSON object in one frame, None if there is none.
    """

    mark: bytes
    split: Callable[[bytes], list[bytes]]
    event: Callable[[bytes], Document | None]


def split_frames(text: bytes) -> list[bytes]:
    """Server-sent events, which an empty line ends; the last item is what has not ended yet."""
    return text.replace(b"\r\n", b"\n").split(b"\n\n")


def event_of(frame: bytes) -> Document | None:
    """The JSON object in one event's data lines; None if there is none. OpenAI's end mark has the type `[DONE]`."""
    if frame.startswith(b"data:") and b"\n" not in frame:
        data = frame[5:].strip()
    else:
        data = b"\n".join(line[5:].strip() for line in frame.split(b"\n") if line.startswith(b"data:"))
    return _DONE if data == b"[DONE]" else parse(data)


def split_lines(text: bytes) -> list[bytes]:
    """Lines of JSON; the last item is what has not ended yet."""
    return text.split(b"\n")


_SERVER_SENT: Final = Framing(b"\n", split_frames, event_of)
_LINES: Final = Framing(b"\n", split_lines, parse)
FRAMINGS: Final[Mapping[str, Framing]] = {
    "application/vnd.amazon.eventstream": Framing(b"", split_messages, message_event),
    "text/event-stream": _SERVER_SENT,
    "application/x-ndjson": _LINES,
    "application/stream+json": _LINES,
}
