"""`tokentide import`: what other tools have recorded, and our own events, into the store or to who owns it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import typer

from collector.disk import disk_trouble
from collector.formats.second_hand import Left, instant
from server.config import Config, ConfigError
from server.import_kinds import Reader, reader
from server.import_options import ImportOptions
from server.import_position import Position, folder_of_positions, position
from server.import_progress import Progress, progress
from server.import_records import FileProblem, Piece, lines, opened, values
from server.import_summary import Summary, report
from server.import_target import Checks, IntoStore, OverHttp, Target, Wait, sleep
from server.programs import make_decoder, prepare_store, utc_now
from server.remote import Remote
from store.errors import StoreHeld

_MOST_EVENTS: Final = 5_000
_MOST_BYTES: Final = 4 * 2**20


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
    return import_into(open_target(config, options, sleep), config, options, folder_of_positions(config, options))


def import_into(target: Target, config: Config, options: ImportOptions, positions: Path | None = None) -> int:
    """Import into `target`, close it, say what became of everything, and return the exit code.

    With a folder of `positions` it goes on where an earlier run of the same import was interrupted. Raises ConfigError,
    StoreError.
    """
    try:
        at = position(positions, options, target.name, config.collector.user_key)
        summary = _begun(at, options)
        with progress(options.file) as shown:
            _carry(options, reader(options, config.collector.user_key), target, summary, at, shown)
            target.finish(shown.rolled_up)
    except FileProblem as error:
        raise ConfigError(str(error)) from error
    finally:
        target.close()
    for sentence in report(summary, options, config):
        typer.echo(sentence)
    if summary.problem:
        raise ConfigError(summary.problem)
    at.forget()
    return 0 if summary.is_whole else 1


def _begun(at: Position, options: ImportOptions) -> Summary:
    """What earlier runs have done, which is said if it is anything."""
    if options.again:
        at.forget()
    summary = at.summary()
    summary.begin_run()
    if summary.read or summary.begun:
        typer.echo(f"going on after {summary.read:,} records that were stored before; --again starts over")
    return summary


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


def _carry(
    options: ImportOptions, read: Reader, target: Target, summary: Summary, at: Position, shown: Progress
) -> None:
    """All of the file that `summary` does not count yet to the target. Raises FileProblem when there is no file."""
    with opened(options.file) as stream:
        pieces = lines(stream) if options.kind == "jsonl" else values(stream)
        for batch in _batches(_events(_records(pieces, read), read, summary)):
            summary.taken.add(target.take(batch, summary.taken.events))
            at.keep(summary)
            shown.taken(summary.read, summary.taken.stored, stream)


def _records(pieces: Iterable[Piece], read: Reader) -> Iterator[Piece]:
    """A piece for each record, and those that cannot be read."""
    for piece in pieces:
        if piece.problem:
            yield piece
        else:
            yield from (Piece(piece.line, record) for record in read.records(piece.value))


def _events(records: Iterator[Piece], read: Reader, summary: Summary) -> Iterator[bytes]:
    """The events of the records that `summary` does not count yet; a record counts when all its events are taken away.

    What comes before the end of a broken file counts.
    """
    try:
        for record in islice(records, summary.read, None):
            if record.problem:
                summary.fault(record.line, record.problem)
            else:
                yield from _of_record(read.events(record.value), record.line, summary)
            summary.read, summary.begun = summary.read + 1, 0
    except FileProblem as error:
        summary.problem = str(error)


def _of_record(record: Iterable[bytes | Left], line: int, summary: Summary) -> Iterator[bytes]:
    for found in islice(record, summary.begun, None):
        if isinstance(found, bytes):
            yield found
        elif found.is_fault:
            summary.fault(line, found.why)
        else:
            summary.leave(found.why)
        summary.begun += 1


def _batches(events: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    """The events in batches; one is handed on before the event after it is taken away."""
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
