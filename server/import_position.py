"""How far an import is, on disk: written after every batch that is safe, so that an interrupted import goes on there.

Records are counted, not bytes: of a packed file nothing else is known. A position holds for the same command over the
same file into the same target only; in any other case the import starts at the first record, which counts nothing
twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from pydantic import TypeAdapter
from tokentide.version import VERSION

from server.config import Config, state_folder
from server.import_options import ImportOptions
from server.import_summary import Summary
from store.connection import Store

_IN_THE_STORE: Final = "tokentide-imports"
_BEGINNING: Final = 65_536


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the file holds: `of` is a digest of all that must be the same, `file` tells whoever looks at it."""

    of: str
    file: str
    summary: Summary


_KEPT: Final = TypeAdapter(_Kept)


class Position:
    """How far one import is, kept at `path`; nowhere if that is None."""

    def __init__(self, path: Path | None, of: str = "", file: str = "") -> None:
        self._path = path
        self._of = of
        self._file = file
        self._has_failed = False

    def summary(self) -> Summary:
        """What earlier runs of this import have done; nothing if there was none, or it was another one."""
        if self._path is None:
            return Summary()
        try:
            kept = _KEPT.validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            return Summary()
        return kept.summary if kept.of == self._of else Summary()

    def keep(self, summary: Summary) -> None:
        """Write down that all which `summary` counts is safe. An import goes on where that cannot be written."""
        if self._path is None:
            return
        unfinished = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(_KEPT.dump_json(_Kept(self._of, self._file, summary)))
            unfinished.replace(self._path)
        except OSError as error:
            if not self._has_failed:
                typer.echo(f"an interruption would start over: {self._path} cannot be written ({error})", err=True)
            self._has_failed = True

    def forget(self) -> None:
        """Let the next import start at the first record."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def folder_of_positions(config: Config, options: ImportOptions) -> Path | None:
    """The folder of positions: within that of an embedded store, with which they come and go, else the user's.

    None when the user has none. Raises StoreError.
    """
    store = None if options.server else Store(config.store.address()).folder
    if store is not None:
        return store / _IN_THE_STORE
    state = state_folder()
    return state / "imports" if state else None


def position(folder: Path | None, options: ImportOptions, target: str, user_key: str) -> Position:
    """The position, in `folder`, of an import into `target`, which names one that no other is.

    Standard input has none, nor has a dry run.
    """
    file = Path(options.file).absolute()
    if folder is None or options.dry_run or options.file == "-" or not file.is_file():
        return Position(None)
    try:
        of = _digest(VERSION, str(file), _content(file), user_key, _said(options))
    except OSError:
        return Position(None)  # whoever reads the file says why
    name = f"{_digest(target, str(file))[:32]}.json"
    return Position(folder / name, of, str(file).encode("utf-8", "replace").decode())


def _content(file: Path) -> str:
    """What tells the content of `file` from another, without reading all of it."""
    with file.open("rb") as opened:
        found = os.fstat(opened.fileno())
        return _digest(str(found.st_size), str(found.st_mtime_ns), opened.read(_BEGINNING).hex())


def _said(options: ImportOptions) -> str:
    """The options that decide what becomes of a record."""
    return json.dumps([options.kind, options.team, options.app, options.content, str(options.until)])


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
