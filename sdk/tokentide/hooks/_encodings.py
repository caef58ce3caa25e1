"""Unpacking what was kept of a compressed answer, on the worker's thread.

gzip and deflate are the standard library's. For br and zstd a client needs a library, and then that has imported it:
it is used from there, and nothing is imported here.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

PLAIN: Final = ("", "identity")
MOST_DECODED: Final = 16 * 1024 * 1024
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47}
_LIBRARIES: Final = {
    "br": ("brotli", "brotlicffi"),
    "zstd": ("compression.zstd", "backports.zstd", "zstandard"),
}
_MOST_ENCODINGS: Final = 5
_SLICE: Final = 64

# Unpacks a piece, to so many bytes at most.
Unpack: TypeAlias = Callable[[bytes, int], bytes]


def can_unpack(encoding: str) -> bool:
    """Whether what has that content encoding, or that list of them, which is not plain, can be read."""
    names = _names(encoding)
    return len(names) <= _MOST_ENCODINGS and all(name in _WINDOW_BITS or _library(name) for name in names)


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The chunks without their content encodings, as far as they can be read, and at most 16 MB of them."""
    if not can_unpack(encoding):
        return
    # They are listed in the order in which they were applied (RFC 9110, section 8.4).
    for name in reversed(_names(encoding)):
        chunks = _unpacked(chunks, name)
    yield from chunks


def _names(encoding: str) -> list[str]:
    """Those in a list of content encodings that change anything."""
    return [name for one in encoding.split(",") if (name := one.strip()) not in PLAIN]


def _unpacked(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    room = MOST_DECODED
    try:
        unpack = _unpack(encoding)
        for chunk in chunks:
            plain = unpack(chunk, room)
            yield plain
            room -= len(plain)
            if not room:
                return
    except Exception:  # noqa: BLE001  # each library has an error of its own
        return


def _library(encoding: str) -> Any:
    loaded = (sys.modules.get(name) for name in _LIBRARIES.get(encoding, ()))
    return next((module for module in loaded if module is not None), None)


def _unpack(encoding: str) -> Unpack:
    if encoding in _WINDOW_BITS:
        return zlib.decompressobj(_WINDOW_BITS[encoding]).decompress
    library = _library(encoding)
    if encoding == "zstd":
        return _in_slices(_frames(library))
    decompressor = library.Decompressor()
    return _in_slices(getattr(decompressor, "decompress", None) or decompressor.process)


def _in_slices(unpack: Callable[[bytes], bytes]) -> Unpack:
    """With a limit for what knows none: of a few bytes not much can become."""

    def limited(piece: bytes, room: int) -> bytes:
        plain = bytearray()
        for start in range(0, len(piece), _SLICE):
            plain += unpack(piece[start : start + _SLICE])
            if len(plain) >= room:
                break
        return bytes(plain[:room])

    return limited


def _frames(library: Any) -> Callable[[bytes], bytes]:
    """Of zstd, of which one frame may follow another."""

    def begin() -> Any:
        frame = library.ZstdDecompressor()
        return frame.decompressobj() if hasattr(frame, "decompressobj") else frame

    frame = begin()

    def unpack(piece: bytes) -> bytes:
        nonlocal frame
        plain = b""
        while piece:
            if frame.eof:
                frame = begin()
            plain += frame.decompress(piece)
            piece = frame.unused_data if frame.eof else b""
        return plain

    return unpack
