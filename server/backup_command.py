"""`tokentide backup` and `tokentide restore`: the embedded store to a folder, also while it is used, and back."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from collector.rollup import RollUp
from server.config import Config, ConfigError
from server.keeping import backed_up
from server.owner import ask_owner
from server.programs import utc_now
from store.backup import REPLACED, RESTORING, check_outside, read_manifest, restore_backup
from store.connection import check_free, open_store
from store.errors import BackupError

_SERVER: Final = "the store is a ClickHouse server: use its own BACKUP DATABASE and RESTORE DATABASE"


def run_backup(config: Config, folder: Path, server: str | None) -> None:
    """Write a backup and print what is in it. Raises ConfigError, StoreError."""
    if not config.store.address().startswith("chdb://"):
        raise ConfigError(_SERVER)
    done = ask_owner(config, "/api/admin/backup", backed_up, {"folder": str(folder.absolute())}, server)
    totals = ", ".join(f"{name} {total}" for name, total in done["totals"].items())
    sys.stdout.write(f"{folder}: {done['rows']} rows; {totals}\n")


def run_restore(config: Config, backup: Path, force: bool) -> list[str]:
    """Make the backup the store and return what differs from its manifest; the store is then left as it was.

    It is restored beside the store, which is replaced when everything is there. Raises ConfigError when the store
    is a mount point, or there is something in it and `force` is not given, BackupError when the backup lies in the
    store, StoreError.
    """
    address = config.store.address()
    if not address.startswith("chdb://"):
        raise ConfigError(_SERVER)
    check_free(address)
    folder = Path(address.removeprefix("chdb://")).absolute()
    if folder.is_mount():
        raise ConfigError(
            f"the store {folder} is a mount point, which no restore can replace: put the store in a folder below the "
            "volume and name that in store.dsn"
        )
    check_outside(backup, folder)
    if folder.exists() and any(folder.iterdir()) and not force:
        raise ConfigError(f"the store {folder} is not empty: restore elsewhere, or replace it with --force")
    manifest = read_manifest(backup)
    beside = folder.with_name(folder.name + RESTORING)
    shutil.rmtree(beside, ignore_errors=True)
    store = open_store(f"chdb://{beside}", config.store.database)
    try:
        differences = restore_backup(store, backup.absolute(), manifest, utc_now())
        roll_up = RollUp(store)
        roll_up.recover()
        while not differences and roll_up.rebuild():
            pass
    finally:
        store.close()
    if differences:
        shutil.rmtree(beside)
    else:
        _take_the_place(beside, folder)
        rows = sum(table.rows for table in manifest.tables.values())
        sys.stdout.write(f"{folder}: {rows} rows of {manifest.made_at} restored, every sum as in the backup\n")
    return differences


def _take_the_place(beside: Path, folder: Path) -> None:
    """The earlier store stays under another name until the new one has its place, and gets its own back if it fails.

    Raises BackupError.
    """
    earlier = folder.with_name(folder.name + REPLACED)
    shutil.rmtree(earlier, ignore_errors=True)
    was_there = folder.exists()
    try:
        if was_there:
            folder.rename(earlier)
        try:
            beside.rename(folder)
        except OSError:
            if was_there:
                earlier.rename(folder)
            raise
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise BackupError(
            f"the restored store cannot take the place of {folder}, correct that and restore again; if it is a mount "
            f"point, put the store in a folder below it and name that in store.dsn ({error})"
        ) from error
    shutil.rmtree(earlier, ignore_errors=True)
