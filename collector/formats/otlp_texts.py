"""What a span says of the texts of its call: the user's last turn and the answer, in whichever way they are written."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import msgspec
from tokentide.hooks.document import dig, items, text

from collector.formats import otlp_names as names
from collector.formats.otlp_spans import Attributes, Event, Span

# (role, text) in the order of the conversation.
Messages = list[tuple[str, str]]

_TEXT_PARTS: Final = ("text", "input_text", "output_text")


def prompt(span: Span) -> str:
    """What the user said last: the last run of user messages, whatever tools and assistants said since."""
    said: list[str] = []
    for role, words in reversed(_found(span, "prompt", "user") or _in_events(span.events)):
        if role == "user" and words:
            said.append(words)
        elif said:
            break
    return "\n".join(reversed(said))


def response(span: Span) -> str:
    """The text of the answer, of several choices the first."""
    messages = _found(span, "response", "assistant") or _choices(span.events)
    return next((words for _, words in messages if words), "")


def _found(span: Span, field: str, role: str) -> Messages:
    """The messages in attributes, of the span or of one of its events; a plain text was said by `role`."""
    for attributes in (span.attributes, *(event.attributes for event in span.events)):
        if field in attributes and (found := _messages(_parsed(attributes[field]), role)):
            return found
    for prefix in names.SPREAD_TEXTS[field]:
        if found := _spread(span.attributes, prefix):
            return found
    return []


def _messages(value: Any, role: str) -> Messages:
    if isinstance(value, str):
        return [(role, value)]
    listed = value.get("messages") if isinstance(value, dict) else value
    return [_message(_parsed(message), role) for message in items(listed)]


def _message(message: Any, role: str) -> tuple[str, str]:
    if not isinstance(message, dict):
        return role, _plain(message)
    return text(message.get("role")) or role, _plain(message.get("parts") or message.get("content"))


def _spread(attributes: Attributes, prefix: str) -> Messages:
    """Messages whose every part is an attribute of its own."""
    parts: defaultdict[int, Attributes] = defaultdict(dict)
    for key, value in attributes.items():
        if key.startswith(prefix):
            number, _, leaf = key[len(prefix) :].partition(".")
            if number.isdecimal() and len(number) < 9:
                parts[int(number)][leaf.removeprefix("message.")] = value
    return [(text(part.get("role")), _spread_content(part)) for _, part in sorted(parts.items())]


def _spread_content(part: Attributes) -> str:
    if said := part.get("content"):
        return _plain(_parsed(said))
    several = (key for key in part if key.startswith("contents.") and key.endswith(".message_content.text"))
    return "\n".join(text(part[key]) for key in several)


def _in_events(events: list[Event]) -> Messages:
    """One event a message, as conventions before 1.38 have it: `gen_ai.user.message`."""
    return [
        (event.name.split(".")[1], _plain(_parsed(_said(event).get("content"))))
        for event in events
        if event.name.endswith(".message")
    ]


def _choices(events: list[Event]) -> Messages:
    found = []
    for event in events:
        if event.name == "gen_ai.choice":
            said = _said(event)
            message = _parsed(said.get("message")) or said
            found.append(("assistant", _plain(dig(message, "content") if isinstance(message, dict) else message)))
    return found


def _said(event: Event) -> Attributes:
    """What an event says, in attributes or in one that is JSON."""
    document = _parsed(event.attributes.get("gen_ai.event.content"))
    return event.attributes | document if isinstance(document, dict) else event.attributes


def _parsed(value: Any) -> Any:
    """`value`; where it is a text that is a JSON array or object, what is in it."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def _plain(content: Any) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    return "\n".join(words for words in map(_part, items(content)) if words)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if dig(part, "type") not in _TEXT_PARTS:
        return ""
    return text(dig(part, "content")) or text(dig(part, "text"))
