"""The body of a request without its content encoding, within a bound that a small body cannot be blown up beyond."""

from __future__ import annotations

import zlib

import zstandard

from collector.formats.format import Unreadable

_LARGEST_WINDOW = 2**27
# What is behind the end of a member or frame is copied: of a body of very many, only so much each time.
_PIECE = 4096


class TooLarge(Exception):
    """The body is larger than the intake takes: send fewer events at once."""


def unpack(packed: bytes, encoding: str, limit: int) -> bytes:
    """`packed` without `encoding` (empty, identity, gzip or zstd), all of its members or frames.

    Raises TooLarge beyond `limit` bytes, before more than that is unpacked, and Unreadable for a broken, cut-off or
    unknown encoding.
    """
    if encoding in ("", "identity"):
        body = packed
    elif encoding == "gzip":
        body = _gzip(packed, limit)
    elif encoding == "zstd":
        body = _zstd(packed, limit)
    else:
        raise Unreadable(f"content-encoding {encoding!r} is not known: use gzip or zstd")
    if len(body) > limit:
        raise TooLarge
    return body


def _gzip(packed: bytes, limit: int) -> bytes:
    body, at, unpacker = bytearray(), 0, None
    while at < len(packed) or unpacker is None:
        unpacker = zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            piece = packed[at : at + _PIECE]
            if not piece:
                raise Unreadable("the gzip body ends too early: send all of it")
            try:
                body += unpacker.decompress(piece, limit + 1 - len(body))
            except zlib.error as error:
                raise Unreadable(f"the body is not gzip: {error}") from error
            if len(body) > limit:
                return bytes(body)
            at += len(piece) - len(unpacker.unused_data)
    return bytes(body)


def _zstd(packed: bytes, limit: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    try:
        with unpacker.stream_reader(packed, read_across_frames=True) as reader:
            body = reader.read(limit + 1)
        if len(body) <= limit:
            # The reader does not tell a body that was cut off; now that its size is known to be small, this does.
            _check_frames(unpacker, packed)
    except zstandard.ZstdError as error:
        raise Unreadable(f"the body is not zstd: {error}") from error
    return body


def _check_frames(unpacker: zstandard.ZstdDecompressor, packed: bytes) -> None:
    at, frame = 0, None
    while at < len(packed) or frame is None:
        frame = unpacker.decompressobj()
        while not frame.eof:
            piece = packed[at : at + _PIECE]
            if not piece:
                raise Unreadable("the zstd body ends too early: send all of it")
            frame.decompress(piece)
            at += len(piece) - len(frame.unused_data)
