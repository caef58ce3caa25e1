"""`Store`: one client for chDB (`chdb:///folder`) and for a ClickHouse server (`https://…`); the DSN decides."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import clickhouse_connect
from clickhouse_connect.driver import options as found_packages
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from store.errors import QueryError, StoreError, StoreHeld, StoreUnavailable
from store.failures import failure
from store.literal import literal
from store.sql import Query, load

_PIECE = 2**18

# The engine holds an exclusive lock on this file of its folder.
_LOCK_FILE = "status"

# The engine is a guest in a process with other work: few threads of its own, and freed memory goes back at once. Its
# allocator reads the variable when the engine is loaded, on the first connection.
_ENGINE = {"background_pool_size": 2, "background_schedule_pool_size": 4}
_ALLOCATOR = ("JE_MALLOC_CONF", "dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true")

# Rows are tuples here. The library would import pandas, which takes 55 MB, only to see that they are no frame.
found_packages.pd = found_packages.pd_time_test = None

_SETTINGS = {"date_time_input_format": "best_effort", "input_format_skip_unknown_fields": 1, "session_timezone": "UTC"}
# One block is small and parsed as quickly by one thread, which leaves the other cores, and memory, to the rest. To
# merge its rows already here would only move work that the engine does in the background anyway.
_PLAIN = {
    "max_threads": 1,
    "input_format_parallel_parsing": 0,
    "optimize_on_insert": 0,
    # The collector has checked the fields by their exact names: "STATUS" is another one, which no column is for.
    "input_format_column_name_matching_mode": "match_case",
    # Calls of many months may come together, from an import or a spool.
    "max_partitions_per_insert_block": 0,
}

# A block that is tried again is recognised in each table that it reaches.
_RECOGNISED = {"insert_deduplicate": 1, "deduplicate_blocks_in_dependent_materialized_views": 1}


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of a query in the order of `columns`; `types` are ClickHouse's names of the column types."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def scalar(self) -> Any:
        """The only value. Raises ValueError when there is not exactly one row and column."""
        if len(self.rows) != 1 or len(self.columns) != 1:
            raise ValueError(f"expected one value, got {len(self.rows)} rows of {len(self.columns)} columns")
        return self.rows[0][0]


class Store:
    """One database. Usable from several threads: each thread gets a client of its own."""

    def __init__(self, dsn: str, database: str = "default") -> None:
        self.dsn = dsn
        self.database = database
        self._local = threading.local()
        self._clients: list[Client] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def folder(self) -> Path | None:
        """The folder of an embedded store, None for a server."""
        return _folder(self.dsn)

    def query(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Result:
        """Run a statement that returns rows. Raises QueryError, StoreUnavailable."""
        found = self._run(lambda client: client.query(query.text, _bind(query, parameters), query_tz="UTC"))
        return Result(tuple(found.column_names), tuple(t.name for t in found.column_types), list(found.result_rows))

    def execute(self, query: Query, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns nothing. Raises QueryError, StoreUnavailable."""
        self._run(lambda client: client.command(query.text, parameters=_bind(query, parameters)))

    def insert_json(self, table: str, block: bytes, token: str = "") -> None:
        """Insert newline-separated JSON objects; when it returns the store has acknowledged them all.

        Of several inserts with the same `token` only what the first ones did not do is done; without one each counts,
        be it the same bytes. One unreadable object fails the whole block with DataRefused. Raises StoreUnavailable,
        QueryError.
        """
        told = {**_RECOGNISED, "insert_deduplication_token": token} if token else {"insert_deduplicate": 0}
        settings = {**_PLAIN, **told}
        self._run(lambda client: client.raw_insert(table, insert_block=block, fmt="JSONEachRow", settings=settings))

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        """Insert Python rows. Raises DataRefused, QueryError, StoreUnavailable."""
        if rows:
            self._run(lambda client: client.insert(table, rows, column_names=columns))

    def stream(self, query: Query, parameters: Mapping[str, Any], form: str) -> Iterator[bytes]:
        """The rows of `query` in ClickHouse's format `form`, in pieces; a slow reader holds nothing up.

        The embedded engine writes them to a temporary file first, with bounded memory. Raises QueryError,
        StoreUnavailable, the latter while reading too.
        """
        bound = _bind(query, parameters)
        if self.folder is None:
            alone = Store(self.dsn, self.database)
            source = alone._run(lambda client: client.raw_stream(query.text, bound, fmt=form))
            return _pieces(source, alone._run, alone.close)
        scratch = tempfile.TemporaryDirectory(prefix="tokentide-", dir=self.folder)
        file = Path(scratch.name) / "rows"
        quoted = str(file).replace("\\", "\\\\").replace("'", "\\'")
        try:
            text = f"{query.text}\nINTO OUTFILE '{quoted}' FORMAT {form}"
            self._run(lambda client: client.command(text, parameters=bound))
            return _pieces(file.open("rb"), self._run, scratch.cleanup)
        except BaseException:
            scratch.cleanup()
            raise

    def close(self) -> None:
        """Close every client; the store cannot be used afterwards."""
        with self._lock:
            self._closed = True
            clients, self._clients = self._clients, []
        for client in clients:
            client.close()

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            with self._lock:
                if self._closed:
                    raise StoreError("the store is closed")
                client = _open(self.dsn, self.database)
                self._clients.append(client)
            self._local.client = client
        return client

    def _run(self, action: Any) -> Any:
        client = self._client()
        try:
            return action(client)
        except (ClickHouseError, OSError) as error:
            raise failure(error, _without_password(self.dsn)) from error


def _pieces(source: IO[bytes], run: Callable[[Any], Any], release: Callable[[], None]) -> Iterator[bytes]:
    try:
        while piece := run(lambda client: source.read(_PIECE)):
            yield piece
    finally:
        source.close()
        release()


def open_store(dsn: str, database: str = "default") -> Store:
    """Open the store at `dsn`, creating folder and database when they are missing.

    Raises StoreHeld when another process owns the folder, StoreUnavailable when the server does not answer,
    StoreError when `dsn` is neither of the two forms.
    """
    if not re.match(r"(chdb|https?)://.", dsn):
        raise StoreError(f"store.dsn is chdb://folder or https://user@host:8443, correct it: {_without_password(dsn)}")
    if folder := _folder(dsn):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the store folder {folder} cannot be created: {error.strerror}") from error
    server = Store(dsn)
    try:
        server.execute(load("store", "create_database"), {"database": database})
    finally:
        server.close()
    return Store(dsn, database)


def check_free(dsn: str) -> None:
    """Raise StoreHeld when another process owns the folder of `dsn`; for a program, before it opens the store.

    The engine would refuse as well, but it writes lines of its own to standard error.
    """
    folder = _folder(dsn)
    if folder is None or not (folder / _LOCK_FILE).exists():
        return
    with (folder / _LOCK_FILE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _held(folder) from error


def _held(folder: Path) -> StoreHeld:
    return StoreHeld(
        f"the store folder {folder} is held by another process: stop that process, or let it answer "
        "(tokentide report --server with its address)"
    )


def _open(dsn: str, database: str) -> Client:
    options: dict[str, Any] = {"database": database, "settings": dict(_SETTINGS), "tz_mode": "aware"}
    folder = _folder(dsn)
    try:
        if folder is None:
            return clickhouse_connect.get_client(dsn=dsn, **options)
        os.environ.setdefault(*_ALLOCATOR)
        return clickhouse_connect.get_client(interface="chdb", path=str(folder), chdb_options=_ENGINE, **options)
    except ValueError as error:
        raise StoreError(f"store.dsn is not an address, correct it: {_without_password(dsn)}") from error
    except ClickHouseError as error:
        if folder is None:
            raise StoreUnavailable(
                f"no ClickHouse answers at {_without_password(dsn)}: start it, or correct store.dsn ({error})"
            ) from error
        if "EmbeddedServer" in str(error):
            raise _held(folder) from error
        raise StoreError(f"the store folder {folder} cannot be opened: {error}") from error


def _folder(dsn: str) -> Path | None:
    """The folder of an embedded store, None for a server."""
    return Path(dsn.removeprefix("chdb://")).absolute() if dsn.startswith("chdb://") else None


def _without_password(dsn: str) -> str:
    return re.sub(r"//([^/@:]*):.*@", r"//\1:…@", dsn)


def _bind(query: Query, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    given = dict(parameters or {})
    if missing := query.parameters.keys() - given.keys():
        raise QueryError(f"{query.name}.sql needs a value for {', '.join(sorted(missing))}")
    if surplus := given.keys() - query.parameters.keys():
        raise QueryError(f"{query.name}.sql has no parameter {', '.join(sorted(surplus))}")
    return {name: literal(value, query.parameters[name]) for name, value in given.items()}
