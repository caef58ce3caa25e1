"""`tokentide books` as it is typed: close, correct, status and the chargeback file."""

from __future__ import annotations

import csv
import io
import json
import sys
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import state_prices
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall

from server import books_command, owner
from server.books_command import print_booked, write_entries
from server.cli import main
from server.config import Config
from server.output import plain
from server.prices import repriced
from server.prices_command import print_changes
from store.connection import Store


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    """A folder, over a store with calls of two months; its clock stands still."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(owner, "utc_now", lambda: NOW)
    for module in (owner, books_command):
        monkeypatch.setattr(module, "owner", lambda *_: nullcontext(store))
    collect(store, of_a_team("red", 9), of_a_team("red", 10), of_a_team("blue", 10, model_requested="nobody-knows"))
    return tmp_path


def of_a_team(team: str, month: int, **more: object) -> LLMCall:
    return a_call(team=team, started_at=datetime(2026, month, 5, tzinfo=timezone.utc), **more)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["books", *words])
    return int(ended.value.code or 0), "".join(capsys.readouterr())


def test_months_are_closed_corrected_shown_and_charged(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "close", "2026-09") == (0, "booked $0.001013 of usage in 1 entries\n")
    assert run(capsys, "close", "2026-10")[1].splitlines() == [
        "booked $0.001013 of usage in 2 entries",
        "the cost of 1 of 2 attempts is unknown: it is not in there",
    ]
    code, said = run(capsys, "correct", "--reason", "to be sure")
    assert (code, said) == (0, "closed months are as they are booked: there was nothing to add\n")
    code, said = run(capsys, "status", "--format", "json")
    assert [(one["month"], one["usage_usd"], one["priced_share"]) for one in json.loads(said)] == [
        ("2026-09", "0.001013", 1.0),
        ("2026-10", "0.001013", 0.5),
    ]
    assert "2026-10" in run(capsys, "status")[1]


def test_a_correction_may_take_away(capsys: pytest.CaptureFixture[str]) -> None:
    done = {"usage_entries": 0, "usage_usd": "0", "correction_entries": 3, "corrections_usd": "-0.18510015"}
    print_booked(done)
    assert capsys.readouterr().out == "booked -$0.18510015 of corrections in 3 entries\n"


def test_a_dry_run_of_new_prices_names_the_closed_months_that_it_would_correct(
    config: Path, capsys: pytest.CaptureFixture[str], store: Store
) -> None:
    run(capsys, "close", "2026-09")
    state_prices(store, '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\ndiscount = 0.5\n', "contract")
    asked = {"from": "2026-09-01", "to": "2026-11-01", "reason": "ours"}
    tried, done = (
        repriced(store, Config(), asked | {"dry_run": dry_run}, lambda: NOW + timedelta(minutes=2))
        for dry_run in (True, False)
    )
    print_changes(tried, dry_run=True)
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == ["closed months would get corrections: 2026-09", "nothing was written"]
    assert (tried["closed_months"], tried["corrections"]) == (["2026-09"], None)
    assert (done["closed_months"], done["corrections"]) == (["2026-09"], 1)


def test_the_chargeback_says_what_is_known_and_what_is_not(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "close", "2026-09")
    run(capsys, "close", "2026-10")
    file = config / "october.csv"
    assert run(capsys, "export", "2026-10", "--output", str(file)) == (0, "2 lines of 2026-10\n")
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert [(row["team"], row["kind"], row["cost_usd"], row["unpriced"]) for row in rows] == [
        ("blue", "usage", "", "1"),
        ("red", "usage", "0.001013", "0"),
    ]
    again = config / "again.csv"
    run(capsys, "export", "2026-10", "--output", str(again))
    assert again.read_bytes() == file.read_bytes()


def test_a_name_that_a_spreadsheet_would_run_is_a_text(
    config: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    collect(store, of_a_team("=cmd|' /C calc'!A0", 9, feature="a=b", app="shop\r=1"))
    run(capsys, "close", "2026-09")
    run(capsys, "export", "2026-09", "--output", str(config / "september.csv"))
    with (config / "september.csv").open(encoding="utf-8", newline="") as file:
        named = [row for row in csv.DictReader(file) if row["feature"]]
    assert [(row["team"], row["feature"], row["app"]) for row in named] == [
        ("'=cmd|' /C calc'!A0", "a=b", r"shop\x0d=1")
    ]


@given(st.text() | st.builds("{}{}".format, st.sampled_from("=+-@＝＋－＠\t\r\n"), st.text()))
def test_no_name_begins_as_a_formula_or_leaves_its_cell(name: str) -> None:
    file = io.StringIO(newline="")
    write_entries([{"team": name, "attempts": 1}], file)
    header, (team, attempts) = csv.reader(file.getvalue().splitlines())
    assert (header, attempts) == (["team", "attempts"], "1")
    assert team == (f"'{plain(name)}" if name.startswith(tuple("=+-@＝＋－＠")) else plain(name))
    assert not team.startswith(tuple("\t\r\n"))


def test_what_a_correction_takes_away_stays_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    for cost in (Decimal("-0.5"), "-0.5"):  # from the store, and from a running tokentide
        write_entries([{"team": "red", "attempts": -1, "cost_usd": cost, "reason": "-"}], sys.stdout)
        assert capsys.readouterr().out == "team,attempts,cost_usd,reason\nred,-1,-0.5,'-\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("close", "2026-13"), "write 2026-10"),
        (("export", "0000-01"), "write 2026-10"),
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


SHARED = """[collector.shared_costs.gateway]
monthly = 60
driver = "attempts"
valid_from = 2026-10-01
valid_to = 2026-11-01
"""


def test_shared_costs_that_no_collector_has_charged_are_in_the_books(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config / "tokentide.toml").write_text(SHARED)
    run(capsys, "close", "2026-09")
    assert run(capsys, "close", "2026-10")[1].startswith("booked $60.001013 of usage in ")


def test_a_month_whose_last_day_is_not_charged_yet_is_not_closed(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (config / "tokentide.toml").write_text(SHARED)
    run(capsys, "close", "2026-09")
    monkeypatch.setattr(owner, "utc_now", lambda: datetime(2026, 11, 1, 0, 59, tzinfo=timezone.utc))
    code, said = run(capsys, "close", "2026-10")
    assert (code, "close 2026-10 after 01:00 UTC" in said) == (1, True)
