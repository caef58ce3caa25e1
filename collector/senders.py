"""Whom a bearer token belongs to: the senders of the settings and those of a file, which is read again when it changes.

Only the SHA-256 of a token is written down. A token is random, so that nothing is gained by a slower digest.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import tomllib
from pydantic import TypeAdapter, ValidationError

from collector.config import CollectorConfig, SenderConfig, check_tokens

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
_TABLES: Final = TypeAdapter(dict[str, SenderConfig])


class TokensError(Exception):
    """The file of tokens cannot be used: the message says what to correct."""


class Sender(NamedTuple):
    """One named entry of the tokens."""

    name: str
    config: SenderConfig


def digest_of(token: str) -> str:
    """What the settings hold of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def find(senders: Mapping[str, SenderConfig], authorization: str) -> Sender | None:
    """Whom the bearer token of an Authorization header belongs to. Every digest is compared, whichever matches."""
    scheme, _, token = authorization.partition(" ")
    # A header arrives as Latin-1; its bytes are what was sent.
    presented = hashlib.sha256(token.strip().encode("latin-1", "replace")).hexdigest()
    found = None
    for name, config in senders.items():
        for digest in config.sha256:
            if hmac.compare_digest(digest, presented):
                found = Sender(name, config)
    return found if scheme.lower() == "bearer" else None


def read_senders(file: Path) -> dict[str, SenderConfig]:
    """The senders in a TOML file: one table for each name. Raises TokensError."""
    try:
        senders = _TABLES.validate_python(tomllib.loads(file.read_text("utf-8")))
        check_tokens(senders)
    except ValidationError as error:
        first = error.errors()[0]
        raise TokensError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise TokensError(f"collector.tokens_file {file} cannot be used, correct it: {error}") from error
    return senders


class SenderBook:
    """The senders of today. `is_open` when none were ever asked for; a file without any lets nobody in.

    Raises TokensError when the file cannot be used. What becomes of it later is logged: the last good one counts.
    """

    def __init__(self, config: CollectorConfig, clock: Callable[[], float]) -> None:
        self._configured = config.tokens
        self._file = config.tokens_file
        self._clock = clock
        self.is_open = not config.tokens and config.tokens_file is None
        self._senders: Mapping[str, SenderConfig] = config.tokens
        self._seen = _signature(self._file)
        self._looked_at = clock()
        if self._file:
            self._senders = self._with(self._file)

    def find(self, authorization: str) -> Sender | None:
        """Whom the token of the header belongs to now."""
        if self._file and self._clock() - self._looked_at >= _LOOK_EVERY_S:
            self._look_again(self._file)
        return find(self._senders, authorization)

    def _look_again(self, file: Path) -> None:
        self._looked_at = self._clock()
        signature = _signature(file)
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._senders = self._with(file)
            log.info("%s was read again: %d senders", file, len(self._senders))
        except TokensError as error:
            log.error("%s; the tokens from before stay valid", error)

    def _with(self, file: Path) -> dict[str, SenderConfig]:
        found = read_senders(file)
        if both := sorted(found.keys() & self._configured.keys()):
            raise TokensError(f"{both[0]} is in collector.tokens and in {file}: keep one of them")
        senders = {**self._configured, **found}
        try:
            check_tokens(senders)
        except ValueError as error:
            raise TokensError(f"collector.tokens and {file}: {error}") from error
        return senders


def _signature(file: Path | None) -> tuple[int, int, int] | None:
    """What changes when the file does; None while it is not there."""
    try:
        found = os.stat(file) if file else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None
