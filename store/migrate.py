"""Apply migrations/NNNN_*.sql in order, once each. A released migration is frozen text: its digest is checked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from store.connection import Store
from store.errors import MigrationError
from store.sql import Query, load, sql_files

_PACKAGE = "store.migrations"
_NAMES_A_TABLE = (
    r"^((?:CREATE [A-Z ]+ IF NOT EXISTS|CREATE OR REPLACE VIEW|ALTER TABLE|(?:DROP|RENAME TABLE \w+) [A-Z ]+) `?\w+`?)"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of migrations: its number and name, its text, and the SHA-256 of that text."""

    name: str
    text: str
    digest: str


def migrations() -> list[Migration]:
    """Every migration of this release, in order."""
    found = []
    for file in sql_files(_PACKAGE):
        text = file.read_text("utf-8")
        found.append(Migration(file.name.removesuffix(".sql"), text, hashlib.sha256(text.encode()).hexdigest()))
    return found


def migrate(store: Store, now: datetime, cluster: str = "", only: Mapping[str, str] | None = None) -> list[str]:
    """Bring the tables up to this release and return the names of the migrations applied now.

    With `only` (name → digest) they become those of an earlier release, to which data of that release can be restored.

    Raises MigrationError when an applied migration was changed, or when the store is newer than this release.
    """
    store.execute(_statement("schema_migrations", load("store", "schema_migrations").text, cluster))
    applied = dict(store.query(load("store", "applied_migrations")).rows)
    known = migrations()
    _check({**applied, **(only or {})}, known)
    done = []
    for migration in known:
        if migration.name in applied or (only is not None and migration.name not in only):
            continue
        for statement in split(migration.text):
            store.execute(_statement(migration.name, statement, cluster))
        store.insert("schema_migrations", ["name", "digest", "applied_at"], [(migration.name, migration.digest, now)])
        done.append(migration.name)
    return done


def created_at(store: Store) -> datetime:
    """When the tables of `store` were created: another time where they are others under the same name."""
    created: datetime = store.query(load("store", "created_at")).scalar()
    return created


def split(text: str) -> list[str]:
    """The statements of a migration: a semicolon at the end of a line ends one."""
    parts = re.split(r";[ \t]*(?:\n|$)", text)
    return [part.strip() for part in parts if re.sub(r"^\s*--.*$", "", part, flags=re.MULTILINE).strip()]


def clustered(statement: str, cluster: str) -> str:
    """`statement` for a cluster: ON CLUSTER after the name, and the Replicated form of every MergeTree engine."""
    named = re.sub(_NAMES_A_TABLE, rf"\1 ON CLUSTER `{cluster}`", statement, count=1, flags=re.MULTILINE)
    return re.sub(r"ENGINE = (\w*MergeTree)\b", r"ENGINE = Replicated\1", named)


def _statement(name: str, text: str, cluster: str) -> Query:
    return Query(name, "", clustered(text, cluster) if cluster else text, {})


def _check(applied: dict[str, str], known: list[Migration]) -> None:
    digests = {migration.name: migration.digest for migration in known}
    for name, digest in applied.items():
        if name not in digests:
            raise MigrationError(f"the store has migration {name}, which this release does not know: upgrade tokentide")
        if digests[name] != digest:
            raise MigrationError(
                f"migration {name} was changed after it was applied: restore its released text and add a new migration"
            )
