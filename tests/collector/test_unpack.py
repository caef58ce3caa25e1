"""Bodies that are small on their way and large in the memory."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from collector.formats.format import Unreadable
from collector.unpack import TooLarge, unpack


def frame_of_zeros(window: int, blocks: int) -> bytes:
    """A zstd frame of `blocks` times 128 KiB that asks for a window of 2 ** `window` bytes."""
    repeated, last = ((2**17 << 3 | 1 << 1 | end).to_bytes(3, "little") + b"0" for end in (0, 1))
    return b"\x28\xb5\x2f\xfd\0" + bytes([(window - 10) << 3]) + repeated * (blocks - 1) + last


GZIP_OF_ZEROS = gzip.compress(b"0" * 2**26, 9)
BOMBS = {
    "gzip": (GZIP_OF_ZEROS, "gzip"),
    "gzip in gzip": (gzip.compress(gzip.compress(gzip.compress(b"0" * 2**26))), "gzip"),
    "gzip of members": (gzip.compress(b"0" * 1000) * 40_000, "gzip"),
    "gzip of empty members": (gzip.compress(b"") * 200_000, "gzip"),
    "zstd": (frame_of_zeros(27, 2**13), "zstd"),
    "zstd of frames": (frame_of_zeros(20, 1) * 1000, "zstd"),
    "zstd of empty frames": (zstandard.ZstdCompressor(write_content_size=False).compress(b"") * 400_000, "zstd"),
    "zstd of a huge window": (frame_of_zeros(31, 1), "zstd"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_more_than_is_taken_does_not_fill_the_memory(name: str, tmp_path: Path) -> None:
    packed, encoding = BOMBS[name]
    (tmp_path / "packed").write_bytes(packed)
    # Of a process of its own, because the libraries' own memory counts as well.
    program = """
import pathlib, resource, sys
from collector.unpack import TooLarge, Unreadable, unpack
def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
packed, before = pathlib.Path(sys.argv[1]).read_bytes(), most()
try:
    unpack(packed, sys.argv[2], 2**20)
except (TooLarge, Unreadable):
    pass
print(most() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "packed"), encoding], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 16


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("gzip", TooLarge),
        ("gzip of members", TooLarge),
        ("zstd", TooLarge),
        ("zstd of frames", TooLarge),
        ("zstd of a huge window", Unreadable),
    ],
)
def test_a_bomb_is_refused(name: str, refused: type[Exception]) -> None:
    with pytest.raises(refused):
        unpack(*BOMBS[name], 2**20)


def test_nothing_is_unpacked_twice_and_empty_members_are_nothing() -> None:
    inner = gzip.compress(gzip.compress(b"0" * 2**26))
    assert unpack(gzip.compress(inner), "gzip", 2**20) == inner
    assert unpack(*BOMBS["gzip of empty members"], 2**20) == b""
    assert unpack(*BOMBS["zstd of empty frames"], 2**20) == b""
