"""docs/schema.sql shows the tables of this release."""

from __future__ import annotations

from store.connection import Store
from store.schema import FILE, render


def test_the_committed_file_is_what_the_migrations_make(store: Store):
    assert FILE.read_text("utf-8") == render(store), "run python -m store.schema"


def test_it_names_no_database(store: Store):
    assert store.database not in render(store)
