"""Whoever owns the store does what the command line asks: this process, or the running one that holds the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from server.config import Config, ConfigError
from server.keeping import Clock
from server.programs import prepare_store, utc_now
from server.remote import Remote
from store.connection import Store, check_free, open_store
from store.errors import StoreHeld

Act = Callable[[Store, Mapping[str, Any], Clock], dict[str, Any]]


def store_as_it_is(config: Config) -> Store:
    """Open the store without bringing its tables up to this release. Raises StoreError."""
    check_free(config.store.address())
    return open_store(config.store.address(), config.store.database)


@contextmanager
def owner(
    config: Config, server: str | None, opens: Callable[[Config], Store] = store_as_it_is
) -> Iterator[Store | Remote]:
    """The tokentide at `server`; else the store as `opens` it; else the tokentide that holds its folder.

    Raises StoreError.
    """
    if server:
        yield Remote(config, server)
        return
    try:
        store = opens(config)
    except StoreHeld:
        yield Remote(config)
        return
    try:
        yield store
    finally:
        store.close()


def ask_owner(config: Config, path: str, act: Act, asked: Mapping[str, Any], server: str | None) -> dict[str, Any]:
    """What `act` does to the store with today's tables, or what its owner answers at `path`.

    Raises ConfigError, StoreError.
    """
    with owner(config, server, prepare_store) as found:
        if isinstance(found, Remote):
            answer: dict[str, Any] = found.post(path, dict(asked), timeout_s=None)
            return answer
        try:
            return act(found, asked, utc_now)
        except ValueError as error:
            raise ConfigError(str(error)) from error
