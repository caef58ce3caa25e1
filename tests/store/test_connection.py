from __future__ import annotations

from pathlib import Path

import fresh_interpreter
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from store.config import StoreConfig
from store.connection import Store, open_store
from store.errors import DataRefused, QueryError, StoreError, StoreUnavailable
from store.failures import failure
from store.sql import parse


@pytest.mark.parametrize(
    "dsn",
    [
        "http://user:secret@127.0.0.1:port",
        "http://user:sec@ret@127.0.0.1:1",
        "http://user:sec/ret@127.0.0.1:1",
        "postgres://user:secret@127.0.0.1:1",
        "tokentide-data",
        "chdb://",
        "",
    ],
)
def test_a_wrong_address_is_one_sentence_without_the_password(dsn: str) -> None:
    with pytest.raises(StoreError, match=r"correct( it|\ store.dsn)") as raised:
        open_store(dsn)
    assert "secret" not in str(raised.value).replace("sec@ret", "secret").replace("sec/ret", "secret")


def test_a_file_of_the_address_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"store\.dsn_file .*nothing cannot be read"):
        StoreConfig(dsn_file=tmp_path / "nothing").address()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DatabaseError("", code=117), DataRefused),
        (DatabaseError("", code=241), StoreUnavailable),
        (DatabaseError("", code=243), StoreUnavailable),
        (DatabaseError("", code=252), StoreUnavailable),
        (DatabaseError("", code=60), QueryError),
        (DatabaseError("", code=123456), QueryError),
        (OperationalError("refused"), StoreUnavailable),
        (OSError(28, "No space left on device"), StoreUnavailable),
    ],
)
def test_only_refused_data_is_given_up(error: Exception, expected: type[StoreError]) -> None:
    assert type(failure(error, "chdb://folder")) is expected


@pytest.mark.parametrize(
    ("error", "plain"),
    [
        (DatabaseError("parsed text: Anna", code=27), "refuses the data: error 27 of ClickHouse, CANNOT_PARSE_INPUT"),
        (DatabaseError("row 1: Anna", code=241), "does not answer now: error 241 of ClickHouse, MEMORY_LIMIT_EXCEEDED"),
        (DatabaseError("values: Anna", code=469), "refuses the statement: error 469 of ClickHouse"),
        (DatabaseError("Anna"), "refuses the statement: DatabaseError"),
        (OperationalError("Anna"), "does not answer now: OperationalError"),
        (OSError(28, "No space left on device", "Anna"), "does not answer now: OSError, No space left on device"),
    ],
)
def test_what_logs_may_say_quotes_no_row_and_names_the_error(error: Exception, plain: str) -> None:
    found = failure(error, "chdb://folder")
    assert found.plain.startswith(f"the store at chdb://folder {plain}")
    assert "Anna" in str(found) or isinstance(error, OSError)
    assert "Anna" not in found.plain


def test_a_message_that_is_cut_inside_a_character_still_tells_what_is_wrong() -> None:
    said = b"Code: 27. DB::Exception: Cannot parse input: expected '}' before: \xc5"
    unread = DatabaseError("'utf-8' codec can't decode byte 0xc5")
    unread.__cause__ = UnicodeDecodeError("utf-8", said, len(said) - 1, len(said), "unexpected end of data")
    assert type(failure(unread, "chdb://folder")) is DataRefused
    unread.__cause__ = UnicodeDecodeError("utf-8", b"\xc5", 0, 1, "unexpected end of data")
    assert type(failure(unread, "chdb://folder")) is QueryError


@pytest.mark.parametrize(
    "line",
    [
        b'{"minute":"2026-11-20 11:59:00","touched_at":"noon"}',
        b'{"minute":[]}',
        b'{"touched_at":"2026-11-20 11:59:00","touched_at":"2026-11-20 11:59:00"}',
    ],
)
def test_the_engine_names_bad_data_by_the_codes_that_are_known(store: Store, line: bytes) -> None:
    with pytest.raises(DataRefused):
        store.insert_json("touched_minutes", line)


def test_a_table_that_is_missing_is_not_bad_data(store: Store) -> None:
    with pytest.raises(QueryError, match="run `tokentide migrate`") as raised:
        store.insert_json("nothing", b"{}")
    assert type(raised.value) is QueryError


def test_a_missing_table_is_named_without_the_statement(store: Store) -> None:
    with pytest.raises(QueryError, match=r"'nothing'$"):
        store.query(parse("missing", "-- a row\nSELECT 1 AS long_story FROM nothing"))


def test_a_query_that_takes_too_long_may_be_tried_again(store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        store.query(parse("slow", "-- slow\nSELECT count() FROM numbers(1e13) SETTINGS max_execution_time = 0.1"))


def test_rows_are_inserted_without_pandas(tmp_path: Path) -> None:
    """It would take 55 MB of every process that has a store."""
    script = f"""
        import sys
        from store.connection import open_store
        from store.sql import Query
        store = open_store("chdb://{tmp_path / "store"}", "default")
        store.execute(Query("create", "", "CREATE TABLE one (number UInt8) ENGINE = Memory", {{}}))
        store.insert("one", ["number"], [(7,)])
        print(store.query(Query("read", "", "SELECT number FROM one", {{}})).scalar(), "pandas" in sys.modules)
        store.close()
    """
    assert fresh_interpreter.run(script) == "7 False"


def test_instants_are_those_of_utc_where_the_machine_lives_by_another_clock(tmp_path: Path) -> None:
    """Hours and days are counted, and charges named, by what is read."""
    script = f"""
        import os
        os.environ["TZ"] = "Asia/Kolkata"
        from store.connection import open_store
        from store.sql import Query
        store = open_store("chdb://{tmp_path / "store"}", "default")
        text = "SELECT toDateTime('2026-11-20 11:07:00', 'UTC') AS minute, toStartOfHour(minute) AS hour"
        print(*(at.isoformat() for at in store.query(Query("read", "", text, {{}})).rows[0]))
        store.close()
    """
    assert fresh_interpreter.run(script) == "2026-11-20T11:07:00+00:00 2026-11-20T11:00:00+00:00"
