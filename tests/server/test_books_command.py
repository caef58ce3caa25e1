"""`tokentide books` as it is typed: close, correct, status and the chargeback file."""

from __future__ import annotations

import csv
import json
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import a_call
from given_prices import give_prices

from collector.rollup import RollUp
from collector.write import Writer
from server import books_command, owner
from server.cli import main
from store.connection import Store


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    """A folder, over a store with calls of two months; its clock stands still."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(owner, "utc_now", lambda: NOW)
    for module in (owner, books_command):
        monkeypatch.setattr(module, "owner", lambda *_: nullcontext(store))
    give_prices(store)
    stored(store, "red", 9)
    stored(store, "red", 10)
    stored(store, "blue", 10, model_requested="nobody-knows")
    return tmp_path


def stored(store: Store, team: str, month: int, **more: object) -> None:
    call = a_call(call_id=str(uuid4()), team=team, started_at=datetime(2026, month, 5, tzinfo=timezone.utc), **more)
    batch = batch_of(call.to_json(), days=400)
    Writer(store, "kafka", uuid4().hex, lambda s: False, lambda: 0.0).write(batch, NOW)
    roll_up = RollUp(store)
    roll_up.touch(batch.minutes)
    roll_up.rebuild()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["books", *words])
    return int(ended.value.code or 0), "".join(capsys.readouterr())


def test_months_are_closed_corrected_shown_and_charged(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "close", "2026-09") == (0, "booked $0.001013000000 of usage in 1 entries\n")
    assert run(capsys, "close", "2026-10")[1].startswith("booked $0.001013000000 of usage in 2 entries")
    code, said = run(capsys, "correct", "--reason", "to be sure")
    assert (code, said) == (0, "closed months are as they are booked: there was nothing to add\n")
    code, said = run(capsys, "status", "--format", "json")
    assert [(one["month"], one["usage_usd"], one["priced_share"]) for one in json.loads(said)] == [
        ("2026-09", "0.001013", 1.0),
        ("2026-10", "0.001013", 0.5),
    ]
    assert "2026-10" in run(capsys, "status")[1]


def test_the_chargeback_says_what_is_known_and_what_is_not(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "close", "2026-09")
    run(capsys, "close", "2026-10")
    file = config / "october.csv"
    assert run(capsys, "export", "2026-10", "--output", str(file)) == (0, "2 entries of 2026-10\n")
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert [(row["team"], row["kind"], row["cost_usd"], row["unpriced"]) for row in rows] == [
        ("blue", "usage", "", "1"),
        ("red", "usage", "0.001013", "0"),
    ]
    again = config / "again.csv"
    run(capsys, "export", "2026-10", "--output", str(again))
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("close", "2026-13"), "write 2026-10"),
        (("close", "2026-11"), "not over"),
        (("close", "2026-10"), "close 2026-09 first"),
        (("export", "2026-10"), "tokentide books close 2026-10"),
        (("status", "--format", "xml"), "use table, json"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    config: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    code, said = run(capsys, *words)
    assert code == 1
    assert says in said
    assert said.count("\n") == 1
