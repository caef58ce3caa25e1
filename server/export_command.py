"""`tokentide export`: rows of the store as a file, from the store or from the running process that owns it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.config import Config, ConfigError
from server.instant import parse_instant
from server.owner import owner
from server.programs import utc_now
from server.remote import Remote
from store.export import export


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: rows of `what` that began in [start, end), ISO 8601; `team` empty is every team."""

    what: str
    start: str
    end: str
    team: str
    format: str


def write_export(config: Config, wanted: Wanted, output: str, server: str | None) -> None:
    """Write the rows to the file `output`, `-` is standard output. The file appears when it is whole.

    Raises ConfigError for a word that is not valid or a file that cannot be written, StoreError.
    """
    with _rows(config, wanted, server) as rows:
        if output == "-":
            for piece in rows:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            _to_file(rows, Path(output))


def _to_file(rows: Iterable[bytes], file: Path) -> None:
    part = file.with_name(file.name + ".part")
    try:
        with part.open("wb") as opened:
            for piece in rows:
                opened.write(piece)
        shutil.move(part, file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written, choose another --output: {error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _rows(config: Config, wanted: Wanted, server: str | None) -> Iterator[Iterable[bytes]]:
    """The pieces of the file, from whoever owns the store."""
    try:
        start, end = parse_instant(wanted.start), parse_instant(wanted.end or utc_now().isoformat())
        with owner(config, server) as found:
            if isinstance(found, Remote):
                yield _asked(found, wanted)
            else:
                yield export(found, wanted.what, start, end, wanted.team, wanted.format)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _asked(remote: Remote, wanted: Wanted) -> Iterator[bytes]:
    asked = {"what": wanted.what, "from": wanted.start, "to": wanted.end, "team": wanted.team, "format": wanted.format}
    return remote.stream("/api/export", {name: text for name, text in asked.items() if text})
