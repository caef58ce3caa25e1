"""forget, export, backup and restore as their users run them: against a running `up`, and straight on its store."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest
from events import a_call
from running_pipeline import wait_until
from tokentide.hooks.content import keyed_digest
from tokentide_process import RunningUp, running_up, tokentide

from server.config import ConfigError
from server.forget_command import whom

NOW = datetime.now(timezone.utc)
ANNA = keyed_digest("anna", "secret")
CALLS = [
    a_call(
        seq=number + 1,
        started_at=NOW - timedelta(minutes=number),
        team=("search", "support")[number % 2],
        user_hash=ANNA if number < 6 else "someone",
        session_id=f"session-{number}",
        prompt=f"said by {number}",
    )
    for number in range(20)
]
ROWS = ["export", "--from", "2000-01-01", "--what"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keeping")


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[RunningUp]:
    """A running tokentide that has stored and rolled up the calls."""
    with running_up(folder) as running:
        body = b"\n".join(call.to_json() for call in CALLS)
        assert httpx.post(f"{running.address}/v1/events", content=body).json()["stored"] == len(CALLS)
        wait_until(lambda: httpx.get(f"{running.address}/api/summary").json()["calls"]["counted"] == len(CALLS))
        yield running


def said(folder: Path, *arguments: str, code: int = 0, **variables: str) -> str:
    done = tokentide(folder, *arguments, **variables)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def port(up: RunningUp) -> dict[str, str]:
    return {"TOKENTIDE_SERVER__PORT": up.address.rpartition(":")[2]}


def test_a_backup_is_made_while_it_runs_and_restored_elsewhere(up: RunningUp, tmp_path: Path) -> None:
    printed = said(up.folder, "backup", str(tmp_path / "backup"), **port(up))
    assert "attempts 20, input_tokens 2000, output_tokens 1920, cost 0.02026" in printed
    assert "is there already" in said(up.folder, "backup", str(tmp_path / "backup"), code=1, **port(up))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "every sum as in the backup" in said(elsewhere, "restore", str(tmp_path / "backup"))
    assert "is not empty: restore elsewhere, or replace it with --force" in said(
        elsewhere, "restore", str(tmp_path / "backup"), code=1
    )
    assert "every sum as in the backup" in said(elsewhere, "restore", str(tmp_path / "backup"), "--force")
    assert [path.name for path in (elsewhere / "tokentide-data").iterdir()] == ["store"]
    assert "total,0.02026" in said(elsewhere, "report", "cost", "--format", "csv")


@pytest.mark.parametrize("place", ["store", "store.restoring", "store.replaced"])
def test_a_backup_that_a_restore_would_destroy_is_neither_written_nor_restored(
    up: RunningUp, tmp_path: Path, place: str
) -> None:
    refused = f"{place}, which a restore replaces: keep it elsewhere"
    assert refused in said(up.folder, "backup", f"tokentide-data/{place}/kept", code=1, **port(up))
    inside = tmp_path / "tokentide-data" / place / "kept"
    inside.mkdir(parents=True)
    (inside / "manifest.json").touch()
    assert refused in said(tmp_path, "restore", str(inside), "--force", code=1)
    assert list(inside.iterdir()) == [inside / "manifest.json"]


def test_a_store_that_cannot_be_replaced_is_left_as_it_was(up: RunningUp, tmp_path: Path) -> None:
    refused = said(tmp_path, "restore", "backup", "--force", code=1, TOKENTIDE_STORE__DSN="chdb:///")
    assert "is a mount point, which no restore can replace: put the store in a folder below the volume" in refused
    said(up.folder, "backup", str(tmp_path / "backup"), **port(up))
    store = tmp_path / "tokentide-data" / "store"
    store.mkdir(parents=True)
    (store / "mark").touch()
    in_the_way = store.with_name("store.replaced")
    in_the_way.touch()
    refused = said(tmp_path, "restore", "backup", "--force", code=1)
    assert f"the restored store cannot take the place of {store}, correct that and restore again" in refused
    assert sorted(store.parent.iterdir()) == [store, in_the_way]
    assert list(store.iterdir()) == [store / "mark"]


def test_a_restore_into_a_store_that_is_in_use_is_refused(up: RunningUp) -> None:
    assert "is held by another process" in said(up.folder, "restore", "backup", "--force", code=1)


def test_what_is_no_backup_leaves_the_store_alone(tmp_path: Path) -> None:
    said(tmp_path, "migrate")
    assert "is no backup" in said(tmp_path, "restore", ".", "--force", code=1)
    assert (tmp_path / "tokentide-data" / "store").is_dir()


def test_an_export_over_http_and_one_from_the_store_are_the_same(up: RunningUp, tmp_path: Path) -> None:
    said(up.folder, *ROWS, "calls", "--output", str(tmp_path / "calls.parquet"), **port(up))
    table = pyarrow.parquet.read_table(tmp_path / "calls.parquet")
    assert (table.num_rows, sum(table["cost"].to_pylist())) == (20, Decimal("0.02026"))
    assert [path.name for path in tmp_path.iterdir()] == ["calls.parquet"]
    lines = said(up.folder, *ROWS, "minutes", "--team", "search", "--format", "jsonl", "--server", up.address)
    assert len(lines.splitlines()) == 10


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "what=calls&from=0001-01-01",
            "'0001-01-01' is no instant from 1970 to 2105: write 2026-11-20 or 2026-11-20T12:00:00Z",
        ),
        ("what=keys&from=2026-01-01", "there is no export of keys: export calls, texts, minutes, hours, ledger"),
        ("what=calls&from=2026-01-01&format=xml", "there is no format xml: use parquet, csv, jsonl"),
    ],
)
def test_an_export_that_cannot_be_made_says_why(up: RunningUp, query: str, expected: str) -> None:
    answer = httpx.get(f"{up.address}/api/export?{query}")
    assert (answer.status_code, answer.json()) == (400, {"error": expected})


@pytest.mark.parametrize("path", ["forget", "backup"])
@pytest.mark.parametrize("body", ["", "[]", "{}", "\xff", '{"kind":"user","value":3}', '{"folder":"relative"}'])
def test_a_wrong_question_is_answered_with_a_sentence(up: RunningUp, path: str, body: str) -> None:
    answer = httpx.post(f"{up.address}/api/admin/{path}", content=body.encode("latin-1"))
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_user_is_forgotten_and_stays_so_when_the_events_come_again(up: RunningUp) -> None:
    named = ["forget", "--user-id", "anna", "--user-key", "secret"]
    assert "would be deleted: 6 texts" in said(up.folder, *named, "--dry-run", **port(up))
    printed = said(up.folder, *named, **port(up))
    assert "deleted: 6 texts" in printed
    assert "before: search: 10 calls, 1000 + 960 tokens, $0.01013" in printed
    assert "after: search: 10 calls, 1000 + 960 tokens, $0.01013" in printed
    assert printed.endswith("every sum is unchanged\n")
    httpx.post(f"{up.address}/v1/events", content=b"\n".join(call.to_json() for call in CALLS))

    def texts() -> bytes:
        return httpx.get(f"{up.address}/api/export?what=texts&from=2000-01-01&format=csv").content

    def users() -> list[str]:
        rows = httpx.get(f"{up.address}/api/export?what=calls&from=2000-01-01&format=parquet").content
        named: list[str] = pyarrow.parquet.read_table(io.BytesIO(rows))["user_hash"].to_pylist()
        return named

    # What arrived before the collector had read the key goes soon, the texts first.
    wait_until(lambda: texts().count(b"said by") == 14 and ANNA not in users())
    assert len(users()) == 20


def test_straight_on_the_store_it_is_the_same(up: RunningUp) -> None:
    assert up.stop() == 0, up.log
    assert "deleted: 1 texts" in said(up.folder, "forget", "--session", "session-19")
    assert said(up.folder, *ROWS, "texts", "--format", "csv").count("said by") == 13
    assert said(up.folder, *ROWS, "hours", "--format", "csv").startswith('"hour","team","app"')
    said(up.folder, "backup", "backup")
    assert os.listdir(up.folder / "backup").count("manifest.json") == 1


def test_a_clickhouse_server_has_backups_of_its_own(tmp_path: Path) -> None:
    for command in ("backup", "restore"):
        message = said(tmp_path, command, "x", code=1, TOKENTIDE_STORE__DSN="http://127.0.0.1:1")
        assert (
            message == "tokentide: the store is a ClickHouse server: use its own BACKUP DATABASE and RESTORE DATABASE\n"
        )


@pytest.mark.parametrize(
    ("user", "session", "user_id", "key"),
    [(None, None, None, ""), ("a", "b", None, ""), (None, None, "anna", ""), ("", None, None, "")],
)
def test_one_must_be_named_whole(user: str | None, session: str | None, user_id: str | None, key: str) -> None:
    with pytest.raises(ConfigError, match=r"--user HASH|needs --user-key|an empty name"):
        whom(user, session, user_id, key)


def test_a_plain_id_becomes_what_the_sdk_makes_of_it() -> None:
    assert whom(None, None, "anna", "secret") == {"kind": "user", "value": ANNA}
