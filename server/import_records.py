"""The records in a file, one after the other: JSON lines, one array or any number of JSON values, packed or not.

At most one value is in memory, and what has been read with it.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

import zstandard

_CHUNK: Final = 2**20
_LONGEST: Final = 64 * 2**20
_LARGEST_WINDOW: Final = 2**27
_BETWEEN: Final = re.compile(r"[\s,\[\]]*")
_BOM: Final = codecs.BOM_UTF8
_value_at: Final = json.JSONDecoder().raw_decode


class FileProblem(Exception):
    """The file cannot be read, or not to its end; the message says why."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One value of a file and the line that it begins on, or what is wrong there."""

    line: int
    value: Any = None
    problem: str = ""


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The unpacked bytes of a file, of standard input for `-`. Raises FileProblem."""
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below, apart from what its user raises
    except OSError as error:
        raise FileProblem(f"{path} cannot be read, correct its name: {error.strerror}") from error
    with file:
        if path.endswith(".gz"):
            yield cast("BinaryIO", gzip.GzipFile(fileobj=file))
        elif path.endswith((".zst", ".zstd")):
            yield io.BufferedReader(_Zstd(file))
        else:
            yield file


def _more(stream: BinaryIO, size: int) -> bytes:
    try:
        return stream.read(size)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise FileProblem(f"the file cannot be read to its end, get it again or unpack it: {error}") from error


class _Zstd(io.RawIOBase):
    """The frames of a zstd file; unlike the library's own reader it tells one that is cut off."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame: Any = None
        self._unpacked = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._unpacked:
            packed = self._frame.unused_data if self._frame and self._frame.eof else b""
            packed = packed or self._file.read(_CHUNK)
            if not packed:
                if self._frame and not self._frame.eof:
                    raise EOFError("the zstd file ends too early")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._unpacker.decompressobj()
            self._unpacked = self._frame.decompress(packed)
        taken = self._unpacked[: len(target)]
        target[: len(taken)] = taken
        self._unpacked = self._unpacked[len(taken) :]
        return len(taken)


def lines(stream: BinaryIO) -> Iterator[Piece]:
    """Every line that is not empty, as bytes. Raises FileProblem."""
    yield from _lines(_more(stream, _CHUNK).removeprefix(_BOM), stream)


def values(stream: BinaryIO) -> Iterator[Piece]:
    """Every JSON value: the elements of arrays at the top, the values of lines. Raises FileProblem."""
    head = _more(stream, _CHUNK).removeprefix(_BOM)
    yield from _values_of_lines(head, stream) if _has_lines(head) else _values(head, stream)


def _has_lines(head: bytes) -> bool:
    """Whether each line is a value: a bad one is then passed over. An object over many lines is indented."""
    start = head.lstrip()
    if start.startswith(b"["):
        return False
    first, _, more = start.partition(b"\n")
    if more.startswith(b"{") or not start.startswith(b"{"):
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(head: bytes, stream: BinaryIO) -> Iterator[Piece]:
    pending, number = head, 0
    while True:
        *whole, pending = pending.split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield Piece(number, line)
        if len(pending) > _LONGEST:
            raise FileProblem(f"line {number + 1} is longer than {_LONGEST} bytes: write one record a line")
        chunk = _more(stream, _CHUNK)
        if not chunk:
            break
        pending += chunk
    if pending.strip():
        yield Piece(number + 1, pending)


def _values_of_lines(head: bytes, stream: BinaryIO) -> Iterator[Piece]:
    for piece in _lines(head, stream):
        try:
            value = json.loads(piece.value.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            yield Piece(piece.line, problem=_reason(error))
            continue
        for item in value if isinstance(value, list) else [value]:
            yield Piece(piece.line, item)


def _values(head: bytes, stream: BinaryIO) -> Iterator[Piece]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text, position, line, depth, is_over = decoder.decode(head), 0, 1, 0, not head
    while True:
        passed = _BETWEEN.match(text, position)
        between = passed[0] if passed else ""
        position += len(between)
        line += between.count("\n")
        depth += between.count("[") - between.count("]")
        problem = ""
        if position < len(text):
            try:
                value, end = _value_at(text, position)
            except (ValueError, RecursionError) as error:
                problem = _reason(error)
            else:
                # A number at the end of what is read may go on.
                if end < len(text) or is_over or isinstance(value, (dict, list, str)):
                    yield Piece(line, value)
                    line += text.count("\n", position, end)
                    position = end
                    continue
        if is_over or len(text) - position > _LONGEST:
            if problem or depth > 0:
                yield Piece(line, problem=problem or "the array has no end: the file is cut off")
            return
        # As much again as there is, so that a long value is not tried too often.
        chunk = _more(stream, max(_CHUNK, len(text) - position))
        is_over = not chunk
        text, position = text[position:] + decoder.decode(chunk, is_over), 0


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {getattr(error, 'msg', error)}"
