"""How the files of each kind are read: the records in a value, and the events of a record or why it has none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tokentide.call import LLMCall

from collector.formats import langfuse, litellm, openai_usage
from collector.formats.second_hand import Found, Left
from collector.formats.texts import Texts
from server.import_options import ImportOptions
from server.programs import utc_now


@dataclass(frozen=True, slots=True)
class Reader:
    """`records` finds the records in one value of a file, `events` what a record tells; both are pure and lazy."""

    records: Callable[[Any], Iterable[Any]]
    events: Callable[[Any], Iterable[bytes | Left]]


def reader(options: ImportOptions, user_key: str) -> Reader:
    """The reader of the kind of file that `options` name."""
    texts = Texts(options.content, user_key)

    def of_litellm(record: Any) -> Iterator[Found]:
        yield litellm.read_payload(record, texts, user_key)

    def of_langfuse(record: Any) -> Iterator[Found]:
        yield langfuse.read_observation(record, texts, user_key)

    def of_openai(record: Any) -> Iterator[Found]:
        yield from openai_usage.read_result(record, options.until or utc_now(), user_key)

    match options.kind:
        case "jsonl":
            return Reader(_alone, lambda line: [_tagged(line, options)])
        case "litellm":
            return Reader(_alone, _written(of_litellm, options))
        case "langfuse":
            return Reader(langfuse.records_in, _written(of_langfuse, options))
        case "openai-usage":
            return Reader(openai_usage.records_in, _written(of_openai, options))


def _alone(value: Any) -> Iterable[Any]:
    return (value,)


def _written(read: Callable[[Any], Iterator[Found]], options: ImportOptions) -> Callable[[Any], Iterator[bytes | Left]]:
    def events(record: Any) -> Iterator[bytes | Left]:
        for found in read(record):
            yield found if isinstance(found, Left) else _with_callers(found, options).to_json()

    return events


def _with_callers(call: LLMCall, options: ImportOptions) -> LLMCall:
    return replace(call, team=call.team or options.team, app=call.app or options.app)


def _tagged(line: bytes, options: ImportOptions) -> bytes:
    """Our own event with the team and app that it lacks; what is none is left to the collector's checks."""
    if not options.team and not options.app:
        return line.strip()
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return line.strip()  # a dead letter, in its own bytes
    if not isinstance(event, dict) or "report_id" in event:
        return line.strip()
    said = {name: value for name, value in (("team", options.team), ("app", options.app)) if value}
    missing = {name: value for name, value in said.items() if not event.get(name)}
    if not missing:
        return line.strip()
    return json.dumps({**event, **missing}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
