"""An import that was interrupted goes on where it was, and another one starts at the first record."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from memory_import import Cut, Memory, a_generation, run

from collector.config import CollectorConfig
from server import import_command
from server.config import Config, state_folder
from server.import_options import ImportOptions
from server.import_position import folder_of_positions
from store.config import StoreConfig

UNTIL = datetime(2026, 11, 20, tzinfo=timezone.utc)
GENERATIONS = [a_generation(number) for number in range(20)]


@pytest.fixture
def cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImportOptions:
    """The options of an import of 20 records into `Memory` that was cut off after 8."""
    monkeypatch.setattr(import_command, "_MOST_EVENTS", 4)
    file = tmp_path / "observations.jsonl"
    file.write_text("\n".join(map(json.dumps, GENERATIONS)))
    options = ImportOptions(str(file), "langfuse")
    with pytest.raises(Cut):
        run(Memory(2), options, tmp_path / "positions")
    return options


def test_an_import_that_goes_on_says_so_and_what_it_did_itself(cut_off: ImportOptions, tmp_path: Path):
    assert run(Memory(), cut_off, tmp_path / "positions") == [
        "going on after 8 records that were stored before; --again starts over",
        f"20 records read, {20 - refused()} stored",
        f"  of them 8 read and {8 - refused(8)} stored before this run",
        *([f"  {refused()} are dead letters: wrong_type"] if refused() else []),
    ]
    again = run(Memory(), cut_off, tmp_path / "positions")
    assert again[0] == f"20 records read, {20 - refused()} stored", "a finished import is forgotten"


def refused(count: int = 20) -> int:
    """How many of the first records `Memory` refuses."""
    target = Memory()
    with TemporaryDirectory() as name:
        file = Path(name) / "observations.jsonl"
        file.write_text("\n".join(map(json.dumps, GENERATIONS[:count])))
        run(target, ImportOptions(str(file), "langfuse"), None)
    return sum(sum(event) % 7 == 0 for event in target.taken)


def is_gone_on(options: ImportOptions, positions: Path, config: Config = Config(), **target: Any) -> bool:  # noqa: B008
    said = run(Memory(**target), options, positions, config)
    return said[0].startswith("going on after 8 records")


@pytest.mark.parametrize(
    "changes",
    [{"team": "search"}, {"app": "shop"}, {"content": "off"}, {"until": UNTIL}, {"kind": "litellm"}, {"again": True}],
    ids=str,
)
def test_another_command_starts_at_the_first_record(changes: dict[str, Any], cut_off: ImportOptions, tmp_path: Path):
    assert not is_gone_on(replace(cut_off, **changes), tmp_path / "positions")


def test_another_target_release_or_key_of_users_starts_at_the_first_record(
    cut_off: ImportOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    positions = tmp_path / "positions"
    assert not is_gone_on(cut_off, positions, name="another")
    keyed = Config(collector=CollectorConfig(user_key="secret"))
    with pytest.raises(Cut):
        run(Memory(2), replace(cut_off, again=True), positions)
    assert not is_gone_on(cut_off, positions, keyed)
    with pytest.raises(Cut):
        run(Memory(2), replace(cut_off, again=True), positions)
    with monkeypatch.context() as patch:
        patch.setattr("server.import_position.VERSION", "9.9.9")
        assert not is_gone_on(cut_off, positions)


@pytest.mark.parametrize("change", ["longer", "of the same length", "later", "damaged position"])
def test_a_file_with_another_content_starts_at_the_first_record(change: str, cut_off: ImportOptions, tmp_path: Path):
    file = Path(cut_off.file)
    written, found = file.read_bytes(), file.stat()
    if change == "longer":
        file.write_bytes(written + b"\n")
    elif change == "of the same length":
        file.write_bytes(written.replace(b'"o3"', b'"O3"'))
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    elif change == "later":
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    else:
        (position,) = (tmp_path / "positions").iterdir()
        position.write_bytes(position.read_bytes()[:-5])
    assert not is_gone_on(cut_off, tmp_path / "positions")


def test_a_dry_run_neither_uses_nor_changes_a_position(cut_off: ImportOptions, tmp_path: Path):
    (position,) = (tmp_path / "positions").iterdir()
    before = position.read_bytes()
    for again in (False, True):
        assert not is_gone_on(replace(cut_off, dry_run=True, again=again), tmp_path / "positions")
        assert position.read_bytes() == before
    assert is_gone_on(cut_off, tmp_path / "positions")


def test_an_import_from_the_start_that_is_cut_off_at_once_does_not_go_on(cut_off: ImportOptions, tmp_path: Path):
    with pytest.raises(Cut):
        run(Memory(0), replace(cut_off, again=True), tmp_path / "positions")
    assert not is_gone_on(cut_off, tmp_path / "positions")


def test_standard_input_is_never_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_command, "_MOST_EVENTS", 4)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_text("a file of this name is not what is read")
    for target in (Memory(2), Memory()):
        written = io.TextIOWrapper(io.BytesIO("\n".join(map(json.dumps, GENERATIONS)).encode()))
        monkeypatch.setattr("sys.stdin", written)
        with contextlib.suppress(Cut):
            run(target, ImportOptions("-", "langfuse"), tmp_path / "positions")
    assert len(target.taken) == 20
    assert not (tmp_path / "positions").exists()


def test_where_a_position_cannot_be_written_the_import_goes_on_and_says_so_once(
    cut_off: ImportOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a file").touch()
    target = Memory()
    run(target, cut_off, tmp_path / "a file")
    assert len(target.taken) == 20
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("an interruption would start over: ")


def test_a_file_that_could_not_be_read_to_its_end_goes_on_when_it_can(
    cut_off: ImportOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As on a disk in the network that was away for a while."""
    read = import_command.values

    def broken(stream: Any) -> Iterator[Any]:
        for number, piece in enumerate(read(stream)):
            if number == 17:
                raise import_command.FileProblem("the file cannot be read to its end")
            yield piece

    with monkeypatch.context() as patch:
        patch.setattr(import_command, "values", broken)
        with pytest.raises(import_command.ConfigError, match="cannot be read"):
            run(Memory(), cut_off, tmp_path / "positions")
    assert run(Memory(), cut_off, tmp_path / "positions")[0].startswith("going on after 17 records")


def test_positions_are_in_the_folder_of_an_embedded_store_else_in_that_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    embedded = Config(store=StoreConfig(dsn=f"chdb://{tmp_path}/store"))
    assert folder_of_positions(embedded, ImportOptions("f", "jsonl")) == tmp_path / "store/tokentide-imports"
    remote = ImportOptions("f", "jsonl", server="http://127.0.0.1:1")
    assert folder_of_positions(embedded, remote) == tmp_path / "state/tokentide/imports"
    server = Config(store=StoreConfig(dsn="http://127.0.0.1:1"))
    assert folder_of_positions(server, ImportOptions("f", "jsonl")) == tmp_path / "state/tokentide/imports"
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local/state/tokentide"


def test_a_reason_with_half_a_character_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "observations.jsonl"
    file.write_text(json.dumps({**a_generation(1), "type": "\ud800"}))
    (left,) = run(Memory(), ImportOptions(str(file), "langfuse"), None)[1:]
    assert left.encode() == b"  1 left out: ?: only generations and embeddings ask a model"
