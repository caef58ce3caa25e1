"""StoreError: something is wrong with the store
├── StoreUnavailable: keep the data, wait, and try again
├── StoreHeld: another process owns the folder; stop it, or ask it over HTTP
├── QueryError: the statement or its parameters are wrong; trying again does not help
│   └── DataRefused: the store cannot read the inserted values; the rest of the block may well be good
├── BackupError: a backup cannot be written, or what was found is not a whole one
└── MigrationError: the tables are not what this release expects
"""

from __future__ import annotations


class StoreError(Exception):
    """Something is wrong with the store; the message says what to do.

    `plain` is what a log may say of it: the message, or a shorter one where that may quote a row.
    """

    def __init__(self, message: str, plain: str = "") -> None:
        super().__init__(message)
        self.plain = plain or message


class StoreUnavailable(StoreError):
    """The store does not answer: keep the data and try again later."""


class StoreHeld(StoreError):
    """Another process owns the store folder: stop it, or ask it over HTTP."""


class QueryError(StoreError):
    """The statement or its parameters are wrong: trying again does not help."""


class DataRefused(QueryError):
    """An inserted value has no place in its column, or its object is not readable: that row can never be stored."""


class BackupError(StoreError):
    """A backup cannot be written here, or what was found is not a whole one."""


class MigrationError(StoreError):
    """The tables are not what this release expects."""
