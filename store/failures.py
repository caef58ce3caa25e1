"""What an error of the store means for its caller, by ClickHouse's error code."""

from __future__ import annotations

import re
from typing import Final

from clickhouse_connect.driver.exceptions import DataError, OperationalError

from store.errors import DataRefused, QueryError, StoreError, StoreUnavailable

_DATA: Final = {
    6: "CANNOT_PARSE_TEXT",
    25: "CANNOT_PARSE_ESCAPE_SEQUENCE",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    69: "ARGUMENT_OUT_OF_BOUND",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    130: "CANNOT_READ_ARRAY_FROM_TEXT",
    131: "TOO_LARGE_STRING_SIZE",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    376: "CANNOT_PARSE_UUID",
    407: "DECIMAL_OVERFLOW",
    467: "CANNOT_PARSE_BOOL",
}
"""The values are wrong. Whatever is not listed here is trouble of the store, for which no record may be given up."""

_PASSING: Final = {
    3: "UNEXPECTED_END_OF_FILE",
    74: "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    76: "CANNOT_OPEN_FILE",
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    164: "READONLY",
    173: "CANNOT_ALLOCATE_MEMORY",
    198: "DNS_ERROR",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    319: "UNKNOWN_STATUS_OF_INSERT",
    373: "SESSION_IS_LOCKED",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    516: "AUTHENTICATION_FAILED",
    999: "KEEPER_EXCEPTION",
}
"""The store is overloaded, full, starting or stopping."""

_MISSING: Final = {60: "UNKNOWN_TABLE", 81: "UNKNOWN_DATABASE"}


_CODE: Final = re.compile(rb"Code: (\d+)\. DB::Exception")


def failure(error: Exception, store: str) -> StoreError:
    """The error to raise for `error` of the client library; `store` names the store without its password.

    A code that neither table knows is a QueryError: of all answers the one that never gives up data as bad.
    """
    code = getattr(error, "code", None) or _unreadable_code(error)
    plainly = _plainly(error, code)
    if code in _DATA or isinstance(error, DataError):
        return DataRefused(str(error), f"the store at {store} refuses the data: {plainly}")
    if code in _PASSING or isinstance(error, OperationalError | OSError):
        away = f"the store at {store} does not answer now"
        return StoreUnavailable(f"{away}: {error}", f"{away}: {plainly}")
    if code in _MISSING:
        said = str(error).partition(". In scope ")[0]
        return QueryError(f"the store at {store} lacks a table, run `tokentide migrate` or correct its name: {said}")
    return QueryError(str(error), f"the store at {store} refuses the statement: {plainly}")


def _plainly(error: BaseException | None, code: int | None) -> str:
    """ClickHouse's code, or what the system says of a connection: of the message any part may be cut out of a row."""
    if code is not None:
        name = _DATA.get(code) or _PASSING.get(code) or _MISSING.get(code)
        return f"error {code} of ClickHouse" + (f", {name}" if name else "")
    kind = type(error).__name__
    while error is not None and not (isinstance(error, OSError) and error.strerror):
        error = error.__cause__ or error.__context__
    return kind if error is None else f"{kind}, {error.strerror}"


def _unreadable_code(error: BaseException | None) -> int | None:
    """The code in a message that could not be read: the engine quotes a row in it, and cuts that in a character."""
    while error is not None and not isinstance(error, UnicodeDecodeError):
        error = error.__cause__ or error.__context__
    found = None if error is None else _CODE.search(error.object)
    return None if found is None else int(found[1])
