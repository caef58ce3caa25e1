"""Whoever owns the store does what the command line asks: this process, or the running one that holds the folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from server.config import Config, ConfigError
from server.keeping import Clock
from server.programs import prepare_store, utc_now
from server.remote import Remote
from store.connection import Store, check_free
from store.errors import StoreHeld

Act = Callable[[Store, Mapping[str, Any], Clock], dict[str, Any]]


def ask_owner(config: Config, path: str, act: Act, asked: Mapping[str, Any], server: str | None) -> dict[str, Any]:
    """What `server` answers, else what `act` does to the store, else what the process that holds it answers.

    Raises ConfigError, StoreError.
    """
    try:
        if server:
            raise StoreHeld
        check_free(config.store.address())
        store = prepare_store(config)
    except StoreHeld:
        answer: dict[str, Any] = Remote(config, server).post(path, dict(asked), timeout_s=None)
        return answer
    try:
        return act(store, asked, utc_now)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    finally:
        store.close()
