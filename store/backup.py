"""A backup of an embedded store: one file for each table and a manifest that says what a restored store must hold.

It is made while others write. What was acknowledged before it began is in it; of what arrives meanwhile the roll-ups,
which are written first, may know less than the facts, and are rebuilt after a restore.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from store.connection import Store
from store.errors import BackupError
from store.migrate import migrate
from store.retention import kept_since
from store.sql import load

MANIFEST: Final = "manifest.json"
_UNFINISHED: Final = ".unfinished"
# The endings of the folders beside a store in which a restore makes the new one and keeps the earlier one meanwhile.
RESTORING: Final = ".restoring"
REPLACED: Final = ".replaced"
_FORM: Final = 1
_FIRST: Final = ("call_hours", "call_minutes", "loss_ledger", "llm_texts")
_LAST: Final = ("touched_minutes",)


@dataclass(frozen=True, slots=True)
class Contents:
    """What the file of one table holds; `checksum` is over the values, `sha256` over the bytes."""

    structure: str
    rows: int
    checksum: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, from which release. `totals` are those of all hours, money as a text with every digit."""

    form: int
    release: str
    made_at: str
    kept_since: int
    migrations: dict[str, str]
    tables: dict[str, Contents]
    totals: dict[str, Any]


def write_backup(store: Store, folder: Path, release: str, now: datetime) -> Manifest:
    """Write a backup of `store` to `folder`, which appears under its name only when it is whole.

    Raises BackupError when the folder is there already, lies in the store or cannot be written, StoreError.
    """
    if store.folder is not None:
        check_outside(folder, store.folder)
    if folder.exists():
        raise BackupError(f"{folder} is there already: name a folder that is not")
    unfinished = folder.with_name(folder.name + _UNFINISHED)
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        manifest = _write(store, unfinished, release, now)
        for file in unfinished.iterdir():
            _sync(file)
        _sync(unfinished)
        unfinished.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise BackupError(f"the backup {folder} cannot be written, choose another place: {error}") from error
    return manifest


def check_outside(backup: Path, folder: Path) -> None:
    """Raise BackupError where a restore into the store `folder` would destroy `backup`, which it reads."""
    for ending in ("", RESTORING, REPLACED):
        replaced = folder.with_name(folder.name + ending)
        if backup.resolve().is_relative_to(replaced.resolve()):
            raise BackupError(f"the backup {backup} lies in {replaced}, which a restore replaces: keep it elsewhere")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`, whose files are compared with it.

    Raises BackupError when there is no whole backup of a known form.
    """
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
        tables = {name: Contents(**contents) for name, contents in found.pop("tables").items()}
        manifest = Manifest(**found, tables=tables)
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is no backup, or one that was cut off: it has no {MANIFEST}") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: use another backup ({error})") from error
    if manifest.form != _FORM:
        raise BackupError(f"{folder} is a backup of form {manifest.form}, which this release does not know: upgrade")
    for name, contents in manifest.tables.items():
        if _sha256(_file(folder, name)) != contents.sha256:
            raise BackupError(f"{_file(folder, name)} is not as it was written: use another backup")
    return manifest


def restore_backup(store: Store, folder: Path, manifest: Manifest, now: datetime) -> list[str]:
    """Fill the empty `store` from `folder` and bring it up to this release; returns what differs from the manifest.

    A backup of an earlier release gets that release's tables first. Raises MigrationError when the backup is newer than
    this release, StoreError.
    """
    migrate(store, now, only=manifest.migrations)
    store.execute(load("store", "stop_merges"))
    try:
        differences = list(_fill(store, folder, manifest))
    finally:
        store.execute(load("store", "start_merges"))
    migrate(store, now)
    if manifest.kept_since:
        before = datetime.fromtimestamp(manifest.kept_since, timezone.utc)
        store.insert("removed_facts", ["before", "noted_at"], [(before, now)])
    return differences


def _write(store: Store, folder: Path, release: str, now: datetime) -> Manifest:
    found = {name: (merged, structure) for name, merged, structure in store.query(load("store", "backup_tables")).rows}
    between = sorted(found.keys() - {*_FIRST, *_LAST})
    tables = {
        name: _write_table(store, _file(folder, name), name, *found[name]) for name in (*_FIRST, *between, *_LAST)
    }
    hours = {"path": str(_file(folder, "call_hours")), "structure": tables["call_hours"].structure}
    (totals,) = store.query(load("store", "backup_totals"), hours).dicts()
    migrations = dict(store.query(load("store", "applied_migrations")).rows)
    since = int(kept_since(store).timestamp())
    manifest = Manifest(_FORM, release, now.isoformat(), since, migrations, tables, totals)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    return manifest


def _write_table(store: Store, file: Path, table: str, merged: bool, structure: str) -> Contents:
    query = load("store", "backup_table" if merged else "backup_unmerged_table")
    store.execute(query, {"path": str(file), "table": table})
    written = {"path": str(file), "structure": structure}
    rows, checksum = store.query(load("store", "backup_written"), written).rows[0]
    return Contents(structure, rows, checksum, _sha256(file))


def _fill(store: Store, folder: Path, manifest: Manifest) -> Iterator[str]:
    for name, contents in manifest.tables.items():
        file = {"path": str(_file(folder, name)), "structure": contents.structure}
        store.execute(load("store", "restore_table"), {"table": name, **file})
        rows, checksum = store.query(load("store", "restored_table"), {"table": name}).rows[0]
        if (rows, checksum) != (contents.rows, contents.checksum):
            written = f"{contents.rows} rows (sum {contents.checksum})"
            yield f"{name}: {written} in the backup, {rows} (sum {checksum}) restored"
    (totals,) = store.query(load("store", "restored_totals")).dicts()
    for name, total in manifest.totals.items():
        if totals[name] != total:
            yield f"total {name}: {total} in the backup, {totals[name]} restored"


def _file(folder: Path, table: str) -> Path:
    return folder / f"{table}.native.zst"


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return "no file"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
