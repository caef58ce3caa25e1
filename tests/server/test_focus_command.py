"""`tokentide books focus` as it is typed: over a store, and over a running server."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pyarrow.parquet
import pytest
import uvicorn
from collected_calls import collect
from conftest import NOW
from events import a_call
from starlette.applications import Starlette

from server import focus_command
from server.cli import main
from server.focus.routes import routes
from store.connection import Store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    """A folder, over a store with a call of unknown cost and one of known; its clock stands still."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(focus_command, "utc_now", lambda: NOW)
    collect(store, a_call(), a_call(model_requested="nobody-knows"))
    return tmp_path


@pytest.fixture
def owned(folder: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    monkeypatch.setattr(focus_command, "owner", lambda *_: nullcontext(store))
    return folder


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """The address of a real server with the routes of FOCUS files."""
    app = Starlette(routes=routes(store, lambda: NOW))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["books", "focus", *words])
    return int(ended.value.code or 0), "".join(capsys.readouterr())


def test_a_day_is_written_once_and_then_unchanged(owned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "focus-2026-11-20.csv: 3 rows, $0.001013, 50.0% of 2 attempts priced, "
    assert run(capsys, "2026-11-20", "--output", "out") == (0, said + "written\n")
    assert run(capsys, "2026-11-20", "--output", "out") == (0, said + "unchanged\n")
    assert sorted(path.name for path in (owned / "out").iterdir()) == [
        "focus-2026-11-20.csv",
        "focus-2026-11-20.csv.json",
    ]
    told = json.loads((owned / "out/focus-2026-11-20.csv.json").read_text("utf-8"))
    assert (told["focus_version"], told["cost_version"], told["day_is_over"]) == ("1.3", 1, False)
    assert (told["newest_call_received_at"], told["computed_at"]) == (NOW.isoformat(), NOW.isoformat())
    assert told["sums"] == dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"), "0.001013")


def test_a_span_is_a_file_for_each_day(owned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "--from", "2026-11-19", "--to", "2026-11-21", "--output", "out", "--format", "parquet")
    assert (code, said.splitlines()[0]) == (0, "focus-2026-11-19.parquet: 0 rows, $0, no attempts, written")
    table = pyarrow.parquet.read_table(owned / "out/focus-2026-11-20.parquet")
    assert str(table.schema.field("BilledCost").type) == "decimal128(38, 12)"
    assert str(table.schema.field("ChargePeriodStart").type) == "timestamp[ms, tz=UTC]"
    assert len(table) == 3


def test_a_running_server_writes_the_same_bytes(
    folder: Path, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(store) as address:
        for format in ("csv", "parquet"):
            words = ("2026-11-20", "--version", "1.4", "--format", format, "--server", address)
            assert run(capsys, *words, "--output", "asked")[0] == 0
    monkeypatch.setattr(focus_command, "owner", lambda *_: nullcontext(store))
    for format in ("csv", "parquet"):
        run(capsys, "2026-11-20", "--version", "1.4", "--format", format, "--output", "here")
    for name in ("focus-2026-11-20.csv", "focus-2026-11-20.parquet"):
        assert (folder / "asked" / name).read_bytes() == (folder / "here" / name).read_bytes()


def test_a_running_server_refuses_in_one_sentence(
    folder: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.insert("removed_facts", ["before", "noted_at"], [(NOW, NOW)])
    with serving(store) as address:
        code, said = run(capsys, "2026-11-20", "--output", "out", "--server", address)
    assert (code, said.count("\n")) == (1, 1)
    assert "the calls of 2026-11-20 are no longer kept: ask for days from 2026-11-21 on" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("2026-11-20", "--version", "1.1"), "there is no FOCUS version 1.1 here: use 1.2, 1.3, 1.4"),
        (("2026-11-20", "--format", "xml"), "there is no format xml: use csv, parquet"),
        (("2026-11-21",), "2026-11-21 has not begun: ask for a day until 2026-11-20"),
        (("soon",), "'soon' is no day: write 2026-10-31"),
        (("2026-11-20", "--from", "2026-11-01"), "name a day, or the days with --from and --to"),
        ((), "name a day, or the days with --from and --to"),
        (("--from", "2026-11-01"), "name both --from and --to"),
        (("--from", "2026-11-03", "--to", "2026-11-03"), "--from must be before --to"),
        (("--from", "2026-11-03", "--to", "2026-11-23"), "has not begun"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_sentence(
    owned: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    code, said = run(capsys, *words, "--output", "out")
    assert (code, said.count("\n")) == (1, 1)
    assert says in said
    assert not (owned / "out").exists()


def test_a_folder_that_cannot_be_written_is_said(owned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (owned / "taken").write_text("a file", "utf-8")
    code, said = run(capsys, "2026-11-20", "--output", "taken")
    assert (code, said.count("\n")) == (1, 1)
    assert "taken cannot be written, choose another --output" in said
