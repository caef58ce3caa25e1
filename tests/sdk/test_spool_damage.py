"""The spool on a disk that is full or damaged: it costs as few records as can be, and those are counted."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from emitted import drain, files, open_spool


@pytest.mark.parametrize("damage", [b"", b"\xff" * 7, b"\xff" * 500, b"\0" * 500])
def test_damaged_segments_do_not_stand_in_the_way(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "00000000000000000001-1.segment").write_bytes(damage)
    (tmp_path / "00000000000000000002-1.segment").mkdir()
    spool = open_spool(tmp_path)
    spool.append([b"one"])
    assert drain(spool) == [b"one"]


def test_a_full_disk_costs_no_files_and_no_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(os.listdir("/dev/fd"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        spool = open_spool(tmp_path)
        assert [spool.append([b"one"]) for _ in range(5)] == [0] * 5
    assert files(tmp_path) == []
    assert len(os.listdir("/dev/fd")) == before
    assert spool.append([b"two"]) == 1


def test_a_disk_that_is_nearly_full_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:40]))
        spool = open_spool(tmp_path)
        assert [spool.append([b"one" * 30]) for _ in range(5)] == [0] * 5
        assert len(files(tmp_path)) == 1
        assert spool.append([b""]) == 1
    assert spool.append([b"two"]) == 1
    assert drain(spool) == [b"", b"two"]


def test_a_segment_that_somebody_deletes_is_read_but_not_written_to_any_more(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"deleted"])
    for path in files(tmp_path):
        path.unlink()
    assert spool.append([b"one"]) == 1
    assert len(files(tmp_path)) == 1
    assert drain(spool) == [b"deleted", b"one"]


def test_a_damaged_record_costs_no_other(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one", b"two", b"three"])
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"two", b"\n2\n"))
    assert drain(spool) == [b"one", b"three"]
    assert spool.damaged == 1


def test_what_others_have_lost_is_not_counted(tmp_path: Path) -> None:
    theirs = open_spool(tmp_path)
    theirs.append([b"one", b"two"])
    theirs.close()
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    spool = open_spool(tmp_path)
    assert drain(spool) == [b"one"]
    assert spool.damaged == 0


def test_a_segment_that_somebody_emptied_is_counted_and_not_written_to_any_more(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one", b"two"])
    (path,) = files(tmp_path)
    os.truncate(path, 0)
    spool.append([b"three"])
    assert drain(spool) == [b"three"]
    assert spool.damaged == 2


def test_a_place_that_cannot_be_read_means_that_everything_comes_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one", b"two"])
    spool.batch(1, 1 << 20)
    spool.acknowledge(1)
    spool.close()
    (path,) = files(tmp_path)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert drain(open_spool(tmp_path)) == [b"one", b"two"]


def test_a_file_system_without_locks_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOSYS, "flock is not there")

    monkeypatch.setattr("fcntl.flock", unknown)
    spool = open_spool(tmp_path)
    assert [spool.append([b"a"]) for _ in range(20)] == [0] * 20
    assert files(tmp_path) == []
