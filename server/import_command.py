"""`tokentide import`: what other tools have recorded, and our own events, into the store or to who owns it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import typer
from tokentide.call import LLMCall

from collector.disk import disk_trouble
from collector.formats import langfuse, litellm, openai_usage
from collector.formats.second_hand import Found, Left, instant
from collector.formats.texts import Texts
from server.config import Config, ConfigError
from server.import_progress import Progress, progress
from server.import_records import FileProblem, Piece, lines, opened, values
from server.import_target import Checks, IntoStore, OverHttp, Taken, Target, Wait, sleep
from server.programs import make_decoder, prepare_store, utc_now
from server.remote import Remote
from store.errors import StoreHeld

Kind = Literal["jsonl", "langfuse", "litellm", "openai-usage"]

# The events of each record in a piece of the file, or why it has none.
Read = Callable[[Piece], Iterator[Iterable[bytes | Left]]]

_MOST_EVENTS: Final = 5_000
_MOST_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the command line says. `until` is None where it says nothing."""

    file: str
    kind: Kind
    server: str | None = None
    team: str = ""
    app: str = ""
    content: Literal["off", "masked", "full"] = "masked"
    until: datetime | None = None
    dry_run: bool = False
    token_file: Path | None = None


@dataclass(slots=True)
class Summary:
    """What became of everything. `unreadable` has, by reason, how many and the first line.

    `problem` is why the file ended too early.
    """

    read: int = 0
    taken: Taken = field(default_factory=Taken)
    left: Counter[str] = field(default_factory=Counter)
    unreadable: dict[str, tuple[int, int]] = field(default_factory=dict)
    problem: str = ""

    def fault(self, line: int, why: str) -> None:
        """Count a record that cannot be read."""
        count, first = self.unreadable.get(why, (0, line))
        self.unreadable[why] = (count + 1, first)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was refused."""
        return not self.unreadable and not self.taken.refused


def run_import(config: Config, options: ImportOptions) -> int:
    """Import, say what became of everything, and return the exit code. Raises ConfigError, StoreError."""
    if options.kind == "openai-usage" and options.until is None:
        raise ConfigError(
            "openai-usage counts the same calls as the hooks: say with --until from when on hooks record them "
            "(2026-01-31T00:00Z), or --until now if none do"
        )
    if options.kind != "openai-usage" and options.until is not None:
        raise ConfigError(
            "--until is for openai-usage only: other records are told from those of the hooks by their ids"
        )
    return import_into(open_target(config, options, sleep), config, options)


def import_into(target: Target, config: Config, options: ImportOptions) -> int:
    """Import into `target`, close it, say what became of everything, and return the exit code.

    Raises ConfigError, StoreError.
    """
    summary = Summary()
    try:
        with progress(options.file) as shown:
            _carry(options, reader(options, config.collector.user_key), target, summary, shown)
            target.finish(shown.rolled_up)
    except FileProblem as error:
        raise ConfigError(str(error)) from error
    finally:
        target.close()
    for sentence in report(summary, options, config):
        typer.echo(sentence)
    if summary.problem:
        raise ConfigError(summary.problem)
    return 0 if summary.is_whole else 1


def parse_until(written: str) -> datetime | None:
    """The instant that `--until` says; None when it says nothing. Raises ConfigError."""
    if not written:
        return None
    found = utc_now() if written == "now" else instant(written)
    if found is None:
        raise ConfigError(f"--until {written} is no instant: write 2026-01-31T00:00Z, or now")
    return found


def open_target(config: Config, options: ImportOptions, wait: Wait) -> Target:
    """The store; when another process owns it, the intake of that process. Raises StoreError."""
    if options.dry_run:
        return Checks(make_decoder(config, None), utc_now)
    token = _token(options.token_file)
    if options.server:
        return OverHttp(Remote(config, options.server), token, wait)
    try:
        store = prepare_store(config)
    except StoreHeld:
        return OverHttp(Remote(config), token, wait)
    trouble = partial(disk_trouble, store.folder, config.store.least_free_bytes)
    return IntoStore(store, make_decoder(config, store), utc_now, wait, trouble)


def _token(file: Path | None) -> str:
    """The token of a sender. Raises ConfigError when its file cannot be read."""
    if file is None:
        return ""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--token-file {file} cannot be read, correct it ({error})") from error


def _carry(options: ImportOptions, read: Read, target: Target, summary: Summary, shown: Progress) -> None:
    """Everything in the file to the target. Raises FileProblem when there is no file."""
    with opened(options.file) as stream:
        pieces = lines(stream) if options.kind == "jsonl" else values(stream)
        for batch in _batches(_events(pieces, read, summary)):
            summary.taken.add(target.take(batch))
            shown.taken(summary.read, summary.taken.stored, stream)


def _events(pieces: Iterable[Piece], read: Read, summary: Summary) -> Iterator[bytes]:
    """The events of the pieces; what becomes none is counted. What comes before the end of a broken file counts."""
    try:
        for piece in pieces:
            if piece.problem:
                summary.read += 1
                summary.fault(piece.line, piece.problem)
                continue
            for record in read(piece):
                summary.read += 1
                yield from _of_record(record, piece.line, summary)
    except FileProblem as error:
        summary.problem = str(error)


def _of_record(record: Iterable[bytes | Left], line: int, summary: Summary) -> Iterator[bytes]:
    for found in record:
        if isinstance(found, bytes):
            yield found
        elif found.is_fault:
            summary.fault(line, found.why)
        else:
            summary.left[found.why] += 1


def _batches(events: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and (len(batch) >= _MOST_EVENTS or size + len(event) > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event)
    if batch:
        yield batch


def reader(options: ImportOptions, user_key: str) -> Read:
    """What makes events of a piece of the file: those of each record in it, or why it has none."""
    texts = Texts(options.content, user_key)

    def of_litellm(value: Any) -> Iterator[Iterable[Found]]:
        yield [litellm.read_payload(value, texts, user_key)]

    def of_langfuse(value: Any) -> Iterator[Iterable[Found]]:
        for record in langfuse.records_in(value):
            yield [langfuse.read_observation(record, texts, user_key)]

    def of_openai(value: Any) -> Iterator[Iterable[Found]]:
        for record in openai_usage.records_in(value):
            yield openai_usage.read_result(record, options.until or utc_now(), user_key)

    if options.kind == "jsonl":
        return lambda piece: iter([[_tagged(piece.value, options)]])
    read = {"litellm": of_litellm, "langfuse": of_langfuse, "openai-usage": of_openai}[options.kind]
    return lambda piece: ((_written(found, options) for found in record) for record in read(piece.value))


def _written(found: Found, options: ImportOptions) -> bytes | Left:
    if isinstance(found, Left):
        return found
    call: LLMCall = replace(found, team=found.team or options.team, app=found.app or options.app)
    return call.to_json()


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


def report(summary: Summary, options: ImportOptions, config: Config) -> Iterator[str]:
    """What is said at the end, a sentence a line."""
    refused, days = summary.taken.refused, config.collector.accept_past_days
    yield f"{summary.read:,} records read, {summary.taken.stored:,} {'would be ' if options.dry_run else ''}stored"
    for why, count in summary.left.most_common():
        yield f"  {count:,} left out: {why}"
    for reason, count in refused.most_common():
        yield f"  {count:,} {'would be dead letters' if options.dry_run else 'are dead letters'}: {reason}"
    for why, (count, first) in summary.unreadable.items():
        yield f"  {count:,} unreadable, the first one on line {first:,}: {why}"
    if refused["ancient_timestamp"]:
        yield (
            f"Events older than collector.accept_past_days ({days} where this command runs) are refused: raise it for "
            "the program that owns the store, and import again. Nothing is counted twice."
        )
