from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pyarrow.parquet
import pytest
from collected_calls import collect
from conftest import NOW
from events import AT, a_call

from store.connection import Store
from store.export import FORMATS, WHAT, export

START = NOW - timedelta(days=1)
COST = Decimal("0.001013")


@pytest.fixture
def filled(store: Store) -> Store:
    collect(
        store,
        a_call(prompt="it's\n“me”, ☃", response='"quoted", and\r\nmore', attributes={"a": "b,c"}),
        a_call(team="", started_at=AT - timedelta(minutes=2)),
        a_call(model_requested="nobody-knows", started_at=AT - timedelta(days=3)),
    )
    return store


def exported(store: Store, what: str, format: str, team: str = "") -> bytes:
    return b"".join(export(store, what, START, NOW, team, format))


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("format", FORMATS)
def test_the_same_rows_in_every_format(filled: Store, what: str, format: str) -> None:
    body = exported(filled, what, format)
    if format == "parquet":
        count = pyarrow.parquet.read_table(io.BytesIO(body)).num_rows
    elif format == "csv":
        count = len(list(csv.DictReader(io.StringIO(body.decode(), newline=""))))
    else:
        count = len([json.loads(line) for line in body.splitlines()])
    assert count == {"texts": 1, "hours": 2, "minutes": 2, "calls": 2, "ledger": 2}[what]


def test_parquet_holds_exact_money_and_instants_in_utc(filled: Store) -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(exported(filled, "calls", "parquet", "search")))
    (row,) = table.to_pylist()
    assert (row["cost"], row["started_at"], row["cost_status"], row["team"]) == (COST, AT, "priced", "search")
    assert pyarrow.types.is_decimal(table.schema.field("cost").type)
    assert table.schema.field("started_at").type.tz == "UTC"
    (hour,) = pyarrow.parquet.read_table(io.BytesIO(exported(filled, "hours", "parquet", "search"))).to_pylist()
    assert (hour["cost"], hour["hour"]) == (COST, AT.replace(minute=0, second=0, microsecond=0))


def test_json_lines_hold_every_digit_and_no_number_that_is_none(filled: Store) -> None:
    rows = [json.loads(line) for line in exported(filled, "minutes", "jsonl").splitlines()]
    assert {row["cost"] for row in rows} == {str(COST)}
    assert {row["minute"] for row in rows} == {"2026-11-20T11:59:00Z", "2026-11-20T11:57:00Z"}
    assert rows[0]["first_token_ms_p50_p95_p99"] == [None, None, None]
    (call,) = (json.loads(line) for line in exported(filled, "calls", "jsonl", "search").splitlines())
    assert datetime.fromisoformat(call["started_at"]) == AT
    assert call["attributes"] == {"a": "b,c"}


def test_csv_keeps_texts_with_quotes_and_line_breaks(filled: Store) -> None:
    (row,) = csv.DictReader(io.StringIO(exported(filled, "texts", "csv").decode(), newline=""))
    assert (row["prompt"], row["response"]) == ("it's\n“me”, ☃", '"quoted", and\r\nmore')
    assert datetime.fromisoformat(row["started_at"]) == AT


def test_calls_without_a_team_are_found_by_the_name_that_reports_give_them(filled: Store) -> None:
    (row,) = (json.loads(line) for line in exported(filled, "calls", "jsonl", "unattributed").splitlines())
    assert row["team"] == ""


def test_an_export_that_nobody_reads_on_leaves_no_file(filled: Store) -> None:
    assert filled.folder is not None
    rows = export(filled, "calls", START, NOW, "", "csv")
    next(rows)
    assert len(list(filled.folder.glob("tokentide-*"))) == 1
    rows.close()  # type: ignore[attr-defined]
    assert list(filled.folder.glob("tokentide-*")) == []


@pytest.mark.parametrize(
    ("what", "start", "team", "format", "said"),
    [
        ("prompts", START, "", "csv", "there is no export of prompts: export calls, texts, minutes, hours, ledger"),
        ("calls", START, "", "xml", "there is no format xml: use parquet, csv, jsonl"),
        ("calls", NOW, "", "csv", "--from must be before --to"),
        ("ledger", START, "search", "csv", "the ledger knows no teams"),
    ],
)
def test_what_cannot_be_exported_is_said(
    store: Store, what: str, start: datetime, team: str, format: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        export(store, what, start, datetime.max.replace(tzinfo=timezone.utc) if start != NOW else NOW, team, format)
