"""A file in a folder is whole, belongs to its metadata, and is left alone when nothing has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from server.focus.write import CallsCameIn, write_day


def told(rows: int, at: str = "noon") -> Mapping[str, Any]:
    return {"rows": rows, "computed_at": at}


def pieces(*texts: bytes) -> Iterator[bytes]:
    yield from texts


def test_the_file_and_what_is_said_of_it_are_written_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "focus-2026-10-31.csv"
    written = write_day(file, lambda: told(1), lambda: pieces(b"a,b\n", b"1,2\n"))
    assert (written.is_new, file.read_bytes()) == (True, b"a,b\n1,2\n")
    assert json.loads((tmp_path / "focus-2026-10-31.csv.json").read_text("utf-8")) == told(1)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_has_not_changed_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    write_day(file, lambda: told(1, "noon"), lambda: pieces(b"same"))
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    written = write_day(file, lambda: told(1, "evening"), lambda: pieces(b"same"))
    assert not written.is_new
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before
    assert json.loads((tmp_path / "day.csv.json").read_text("utf-8"))["computed_at"] == "noon"


def test_what_is_said_of_it_may_change_alone(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    write_day(file, lambda: told(1), lambda: pieces(b"same"))
    before = file.stat().st_ino
    assert not write_day(file, lambda: told(2), lambda: pieces(b"same")).is_new
    assert file.stat().st_ino == before
    assert json.loads((tmp_path / "day.csv.json").read_text("utf-8")) == told(2)


def test_spoilt_metadata_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    write_day(file, lambda: told(1), lambda: pieces(b"same"))
    (tmp_path / "day.csv.json").write_text("{", "utf-8")
    write_day(file, lambda: told(1), lambda: pieces(b"same"))
    assert json.loads((tmp_path / "day.csv.json").read_text("utf-8")) == told(1)


def test_calls_that_come_in_between_are_waited_out(tmp_path: Path) -> None:
    said = iter([told(1), told(2), told(2)])
    written = write_day(tmp_path / "day.csv", lambda: next(said), lambda: pieces(b"rows"))
    assert written.metadata == told(2)


def test_a_day_that_never_rests_leaves_what_was_there(tmp_path: Path) -> None:
    file, numbers = tmp_path / "day.csv", iter(range(100))
    file.write_bytes(b"before")
    with pytest.raises(CallsCameIn, match=r"day\.csv changed 3 times"):
        write_day(file, lambda: told(next(numbers)), lambda: pieces(b"after"))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("day.csv", b"before")]


def test_a_stream_that_breaks_leaves_what_was_there(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        write_day(tmp_path / "day.csv", lambda: told(1), broken)
    assert list(tmp_path.iterdir()) == []
