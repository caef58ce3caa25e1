"""Forgetting and backup over HTTP, for the command line: only the process that owns the store can do them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.routing import Route
from tokentide.version import VERSION

from collector.forget import forget, key_of, look
from server.json_routes import admin_route
from store.backup import write_backup
from store.connection import Store
from store.errors import BackupError

Clock = Callable[[], datetime]


def forgotten(store: Store, asked: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """Forget `{"kind": "user" | "session", "value": …}`, with `dry_run` only look. Raises ValueError, StoreError."""
    kind, value = asked.get("kind"), asked.get("value")
    if (kind != "user" and kind != "session") or not isinstance(value, str):
        raise ValueError("name a kind, user or session, and a value: whom to forget")
    key = key_of(kind, value)
    if asked.get("dry_run"):
        return {"found": look(store, key, value)}
    done = forget(store, key, value, secrets.token_hex(16), clock())
    return {**asdict(done), "unchanged": done.unchanged}


def backed_up(store: Store, asked: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """Write a backup to `{"folder": …}`, an absolute path on this machine. Raises ValueError, StoreError."""
    folder = asked.get("folder")
    if not isinstance(folder, str) or not Path(folder).is_absolute():
        raise ValueError("name a folder of the machine that holds the store: an absolute path")
    if store.folder is None:
        raise BackupError("the store is a ClickHouse server: use its own BACKUP DATABASE … TO …")
    manifest = write_backup(store, Path(folder), VERSION, clock())
    return {"rows": sum(table.rows for table in manifest.tables.values()), "totals": manifest.totals}


def routes(store: Store, clock: Clock) -> list[Route]:
    """`POST /api/admin/forget` and `POST /api/admin/backup`: see `forgotten` and `backed_up`."""
    return [
        admin_route("/api/admin/forget", lambda asked: forgotten(store, asked, clock)),
        admin_route("/api/admin/backup", lambda asked: backed_up(store, asked, clock)),
    ]
