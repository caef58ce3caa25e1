"""A day's FOCUS file and its metadata in a folder: whole or not there, and left alone when nothing has changed."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from server.exact_json import as_json

_TRIES: Final = 3


class CallsCameIn(Exception):
    """The day changed while its file was written, each time it was tried: ask again when fewer calls come in."""


class Written(NamedTuple):
    """The file of a day, whether it was written or already there as it is, and its metadata."""

    file: Path
    is_new: bool
    metadata: Mapping[str, Any]


def write_day(file: Path, describe: Callable[[], Mapping[str, Any]], rows: Callable[[], Iterable[bytes]]) -> Written:
    """Write what `rows` gives to `file` and what `describe` says to the same name with .json; both belong together.

    A file that has these bytes stays untouched, and so does metadata that differs by its time only. Raises OSError when
    the folder cannot be written, CallsCameIn.
    """
    part, beside = file.with_name(file.name + ".part"), file.with_name(file.name + ".json")
    try:
        told = _settled(part, describe, rows)
        is_new = not file.exists() or not filecmp.cmp(part, file, shallow=False)
        if is_new:
            part.replace(file)
        if is_new or _without_time(_read(beside)) != _without_time(told):
            part.write_text(as_json(told, indent=2) + "\n", "utf-8")
            part.replace(beside)
    finally:
        part.unlink(missing_ok=True)
    return Written(file, is_new, told)


def _settled(
    part: Path, describe: Callable[[], Mapping[str, Any]], rows: Callable[[], Iterable[bytes]]
) -> Mapping[str, Any]:
    """Write the rows to `part`; what holds of them, before and after."""
    before = _plain(describe())
    for _ in range(_TRIES):
        with part.open("wb") as opened:
            for piece in rows():
                opened.write(piece)
        after = _plain(describe())
        if _without_time(before) == _without_time(after):
            return after
        before = after
    raise CallsCameIn(f"{part.stem} changed {_TRIES} times while it was written: ask again when fewer calls come in")


def _plain(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """As it is read back from a file."""
    plain: Mapping[str, Any] = json.loads(as_json(told))
    return plain


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _without_time(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "computed_at"}
