from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import NOW
from overview_seed import seed

from store.connection import Store, open_store
from store.migrate import migrate


@pytest.fixture(scope="session")
def seeded(engine_dsn: str) -> Iterator[Store]:
    """A store with the hour of `overview_seed` before NOW; nobody writes to it afterwards."""
    store = open_store(engine_dsn, "seeded_overview")
    migrate(store, NOW)
    seed(store, NOW)
    yield store
    store.close()


@pytest.fixture(scope="session")
def nothing(engine_dsn: str) -> Iterator[Store]:
    """A store with tables and no rows; nobody writes to it."""
    store = open_store(engine_dsn, "empty_overview")
    migrate(store, NOW)
    yield store
    store.close()
