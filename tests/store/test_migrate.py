from dataclasses import replace

import pytest
from conftest import NOW

from store import migrate as module
from store.connection import Store
from store.errors import MigrationError
from store.migrate import clustered, migrate, migrations, split


def test_a_second_run_applies_nothing(empty_store: Store) -> None:
    assert migrate(empty_store, NOW) == [m.name for m in migrations()]
    assert migrate(empty_store, NOW) == []


def test_a_changed_migration_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = [replace(m, digest="0" * 64) for m in migrations()]
    monkeypatch.setattr(module, "migrations", lambda: changed)
    with pytest.raises(MigrationError, match="was changed after it was applied: restore its released text"):
        migrate(store, NOW)


def test_a_store_of_a_newer_release_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    older = migrations()[:-1]
    monkeypatch.setattr(module, "migrations", lambda: older)
    with pytest.raises(MigrationError, match="upgrade tokentide"):
        migrate(store, NOW)


def test_statements_end_at_a_semicolon_that_ends_a_line() -> None:
    assert split("-- note\nSELECT 1;\n-- only a comment\n;\nSELECT ';';\n") == ["-- note\nSELECT 1", "SELECT ';'"]


def test_a_cluster_gets_replicated_engines_everywhere() -> None:
    for migration in migrations():
        for statement in split(migration.text):
            text = clustered(statement, "main")
            # Rows that are copied reach the other replicas by themselves.
            assert ("ON CLUSTER `main`" in text) != ("INSERT INTO" in text)
            assert "ENGINE = MergeTree" not in text
            assert "ENGINE = Replacing" not in text


def test_a_renamed_table_is_renamed_on_the_whole_cluster() -> None:
    assert clustered("RENAME TABLE one TO two", "main") == "RENAME TABLE one TO two ON CLUSTER `main`"
    assert clustered("DROP TABLE IF EXISTS one SYNC", "main") == "DROP TABLE IF EXISTS one ON CLUSTER `main` SYNC"
