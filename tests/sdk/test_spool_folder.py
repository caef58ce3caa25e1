"""The spool's folder: for one destination and one user, whatever others have put there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from emitted import drain, files, open_spool
from tokentide import segment
from tokentide.config import load
from tokentide.spool import spool_folder


def test_only_this_user_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    open_spool(folder).append([b"secret"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in files(folder)] == [0o600]


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert open_spool(tmp_path).append([b"secret"]) == 0
    assert files(tmp_path) == []


def test_a_folder_that_others_may_write_to_is_closed_to_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert open_spool(tmp_path).append([b"one"]) == 1
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_what_others_have_put_in_the_place_of_a_segment_is_left_alone(tmp_path: Path) -> None:
    folder, precious = tmp_path / "spool", tmp_path / "precious"
    precious.write_bytes(b"precious\n" * 99)
    folder.mkdir()
    (folder / "00000000000000000001-1.segment").symlink_to(precious)
    os.mkfifo(folder / "00000000000000000002-1.segment")
    spool = open_spool(folder, 500)
    assert spool.append([b"one"]) == 1
    assert drain(spool) == [b"one"]
    assert precious.read_bytes() == b"precious\n" * 99


def test_a_segment_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one"])
    spool.close()
    (path,) = files(tmp_path)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert segment.Segment.open(path) is None


def test_a_link_to_a_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "spool").symlink_to(tmp_path / "folder")
    assert open_spool(tmp_path / "spool").append([b"one"]) == 0
    assert files(tmp_path / "folder") == []


def test_a_folder_that_cannot_be_made_keeps_nothing_and_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = open_spool(tmp_path / "file" / "spool")
    assert spool.append([b"one"]) == 0
    assert spool.batch(10, 1 << 20) == []


def test_every_destination_has_a_folder_of_its_own() -> None:
    here = load({}, endpoint="http://127.0.0.1:1")
    others = [load({}, endpoint="http://127.0.0.1:2"), replace(here, token="x"), replace(here, transport="kafka")]
    assert len({spool_folder(each) for each in [here, *others]}) == 4
    assert spool_folder(here) == spool_folder(replace(here, team="search"))
