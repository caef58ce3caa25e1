"""Backups are restored into another database of the same engine; tests/server has whole stores, in processes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import AT, a_call, a_rate_limited_call

from collector.rollup import RollUp
from store.backup import MANIFEST, read_manifest, restore_backup, write_backup
from store.connection import Store, open_store
from store.errors import BackupError, MigrationError
from store.migrate import migrations
from store.retention import apply_retention, kept_since
from store.sql import Query, parse


@pytest.fixture
def filled(store: Store) -> Store:
    collect(store, a_call(prompt="p"), a_rate_limited_call(), a_call(started_at=AT - timedelta(days=20)))
    collect(store, a_call(prompt="p", team="support"))
    return store


@pytest.fixture
def target(engine_dsn: str) -> Iterator[Store]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    store = open_store(engine_dsn, name)
    yield store
    store.execute(Query("drop", "", f"DROP DATABASE `{name}` SYNC", {}))
    store.close()


def sums(store: Store) -> list[tuple[Any, ...]]:
    found = parse(
        "sums",
        "-- sums\nSELECT (SELECT (count(), sum(input_tokens), sum(cost)) FROM priced_calls), (SELECT (count(), sum(cost),"
        " quantilesTDigestMerge(0.5, 0.95, 0.99)(duration)) FROM call_minutes FINAL), (SELECT (count(), sum(cost)) FROM call_hours FINAL),"
        " (SELECT sum(stored) FROM loss_ledger FINAL), (SELECT count() FROM llm_texts FINAL), (SELECT sum(delivered) FROM deliveries)",
    )
    return store.query(found).rows


def backup(store: Store, folder: Path) -> Path:
    write_backup(store, folder, "9.9.9", NOW)
    return folder


def test_a_restored_store_has_every_row_and_sum(filled: Store, target: Store, tmp_path: Path) -> None:
    folder = backup(filled, tmp_path / "backup")
    manifest = read_manifest(folder)
    assert (manifest.release, manifest.totals["attempts"], manifest.totals["cost"]) == ("9.9.9", 4, "0.003039")
    assert restore_backup(target, folder, manifest, NOW) == []
    assert sums(target) == sums(filled)


def test_a_backup_of_nothing_is_one(store: Store, target: Store, tmp_path: Path) -> None:
    folder = backup(store, tmp_path / "backup")
    assert restore_backup(target, folder, read_manifest(folder), NOW) == []


def test_what_arrives_while_it_is_made_is_rolled_up_after_a_restore(
    filled: Store, target: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, arrivals = filled.execute, iter([a_call(team="late"), a_call(team="later", started_at=AT)])

    def busy(query: Query, parameters: Any = None) -> None:
        if query.name.startswith("backup_") and parameters["table"] in ("llm_texts", "llm_calls"):
            collect(filled, next(arrivals))
        execute(query, parameters)

    monkeypatch.setattr(filled, "execute", busy)
    folder = backup(filled, tmp_path / "backup")
    assert restore_backup(target, folder, read_manifest(folder), NOW) == []
    roll_up = RollUp(target)
    roll_up.recover()
    while roll_up.rebuild():
        pass
    counted = parse(
        "counted", "-- both\nSELECT (SELECT count() FROM priced_calls), sum(attempts) FROM call_hours FINAL"
    )
    assert target.query(counted).rows == [(6, 6)]


def test_one_that_was_cut_off_is_never_taken_for_one(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, folder = filled.execute, tmp_path / "backup"

    def cut_off(query: Query, parameters: Any = None) -> None:
        if query.name.startswith("backup_") and parameters["table"] == "llm_calls":
            raise KeyboardInterrupt
        execute(query, parameters)

    with monkeypatch.context() as patched:
        patched.setattr(filled, "execute", cut_off)
        with pytest.raises(KeyboardInterrupt):
            backup(filled, folder)
    (left,) = tmp_path.iterdir()
    assert left.name == "backup.unfinished"
    with pytest.raises(BackupError, match="is no backup, or one that was cut off"):
        read_manifest(left)
    backup(filled, folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_is_there_is_left_alone(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is there already: name a folder that is not"):
        backup(filled, tmp_path)


@pytest.mark.parametrize("damage", ["shorter", "other", "gone"])
def test_a_damaged_file_is_named(filled: Store, tmp_path: Path, damage: str) -> None:
    folder = backup(filled, tmp_path / "backup")
    file = folder / "llm_calls.native.zst"
    body = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(body[:-1] if damage == "shorter" else bytes([body[0] ^ 1]) + body[1:])
    with pytest.raises(BackupError, match=r"llm_calls.native.zst is not as it was written"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"tables": 3}', '{"form": 1, "tables": {}}', '{"tables": {"a": {}}}']
)
def test_a_manifest_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BackupError, match=r"manifest.json cannot be read: use another backup"):
        read_manifest(tmp_path)


def changed(folder: Path, change: dict[str, Any]) -> Path:
    file = folder / MANIFEST
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    return folder


def test_a_difference_is_told(filled: Store, target: Store, tmp_path: Path) -> None:
    folder = backup(filled, tmp_path / "backup")
    tables = json.loads((folder / MANIFEST).read_text())["tables"]
    tables["llm_calls"]["rows"] += 1
    changed(folder, {"tables": tables, "totals": {"attempts": 7}})
    calls, total = restore_backup(target, folder, read_manifest(folder), NOW)
    assert calls.startswith("llm_calls: 5 rows (sum ")
    assert total == "total attempts: 7 in the backup, 4 restored"


def test_a_backup_of_a_newer_release_is_refused(filled: Store, target: Store, tmp_path: Path) -> None:
    folder = backup(filled, tmp_path / "backup")
    known = {migration.name: migration.digest for migration in migrations()}
    changed(folder, {"migrations": {**known, "9999_later": "x"}})
    with pytest.raises(MigrationError, match="upgrade tokentide"):
        restore_backup(target, folder, read_manifest(folder), NOW)
    changed(folder, {"form": 2})
    with pytest.raises(BackupError, match="of form 2, which this release does not know: upgrade"):
        read_manifest(folder)


def test_totals_of_expired_facts_stay_in_a_restored_store(filled: Store, target: Store, tmp_path: Path) -> None:
    apply_retention(filled, 30, 30, NOW)
    folder = backup(filled, tmp_path / "backup")
    restore_backup(target, folder, read_manifest(folder), NOW)
    assert kept_since(target).timestamp() == read_manifest(folder).kept_since > 0


def test_a_disk_that_takes_no_more_is_said(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BackupError, match="cannot be written, choose another place"):
        backup(filled, tmp_path / "file" / "backup")
