"""`tokentide budgets` as it is typed, and the same over HTTP."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tokentide_process import running_up, tokentide

from analyzers.analyzer import Window
from analyzers.budget.analyzer import BudgetAnalyzer
from server import budgets_command
from server.budgets import routes
from server.cli import main
from server.config import load
from store.connection import Store

SETTINGS = """\
[budgets.search-month]
amount = 20
period = "month"
team = "search"

[budgets.all-today]
amount = "2.5"
period = "day"
"""
MINUTE = timedelta(minutes=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    """A folder with budgets, over a store with calls of two days; its clock stands still."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(budgets_command, "utc_now", lambda: NOW)
    monkeypatch.setattr(budgets_command, "owner", lambda config, server: nullcontext(store))
    (tmp_path / "tokentide.toml").write_text(SETTINGS, "utf-8")
    collect(
        store,
        a_call(started_at=NOW - timedelta(days=1), provider_reported_cost=Decimal("9.000000000001")),
        a_call(started_at=NOW - MINUTE, provider_reported_cost=Decimal("2.25")),
        a_call(started_at=NOW - MINUTE, team="other", model_requested="nobody-knows"),
    )
    BudgetAnalyzer(load().budgets).analyze(store, Window(NOW - 5 * MINUTE, NOW), NOW)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["budgets", *words])
    return int(ended.value.code or 0), "".join(capsys.readouterr())


def test_the_table_says_what_is_spent_where_it_leads_and_what_is_not_known(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, "status")
    header, search, today = (line.rstrip() for line in said.splitlines())
    assert code == 0
    assert header.split() == ["budget", "period", "amount", "actual", "used", "forecast", "(low–high)", "state", "note"]
    assert search.split("  ")[0] == "search-month"
    assert "month of 2026-11-01  $20.00  $11.25  56.3%" in search
    assert "$108.00 ($58.50–$207.00)" in search
    assert "will be exceeded" in search
    assert "day of 2026-11-20" in today
    assert today.endswith("the cost of 1 of 2 attempts is unknown, it may be more than this")


def test_json_has_every_digit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "status", "--format", "json")
    search, today = json.loads(said)
    assert code == 0
    assert (search["amount_usd"], search["actual_usd"]) == ("20", "11.250000000001")
    assert search["period_start"] == "2026-11-01T00:00:00+00:00"
    assert [(one["threshold"], one["actual_usd"]) for one in search["thresholds"]] == [("0.5", "11.250000000001")]
    assert (search["forecast_low_usd"], search["forecast_usd"], search["forecast_high_usd"]) == ("58.5", "108", "207")
    assert [one["fires"] for one in search["burn"]] == [False, False, True, True]
    assert (search["state"], search["verdict"]) == ("will be exceeded", "ticket")
    assert (today["used_share"], today["priced_share"], len(today["burn"])) == (0.9, 0.5, 2)


def test_a_budget_that_is_exceeded_or_broken_ends_with_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tokentide.toml").write_text(SETTINGS.replace("2.5", "2.2"), "utf-8")
    code, said = run(capsys, "status")
    assert code == 1
    assert "exceeded" in said
    (folder / "tokentide.toml").write_text(SETTINGS.replace('"search"', '"serach"'), "utf-8")
    code, said = run(capsys, "status")
    assert code == 1
    assert "broken" in said
    assert "no such calls were ever seen: no team serach (did you mean search?)" in said


def test_without_budgets_it_says_how_to_write_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tokentide.toml").write_text("", "utf-8")
    code, said = run(capsys, "status")
    assert (code, said) == (0, "there is no budget: write a table [budgets.NAME] with amount and period\n")
    assert run(capsys, "status", "--format", "json") == (0, "[]\n")


def test_a_format_that_does_not_exist_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "status", "--format", "xml") == (
        1,
        "tokentide: there is no format xml: use table, json\n",
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('tenant = "acme"', "there is no setting budgets.all-today.tenant"),
        (
            'attributes = { tenant = "" }',
            'setting budgets.all-today.attributes: write a name and a text, as { tenant = "acme" }',
        ),
        ("attributes = { tenant = 5 }", "setting budgets.all-today.attributes.tenant: Input should be a valid string"),
    ],
)
def test_a_wrong_attribute_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    (folder / "tokentide.toml").write_text(f"{SETTINGS}{line}\n", "utf-8")
    code, printed = run(capsys, "status")
    assert code == 1
    assert printed.startswith(f"tokentide: {said}")


def test_over_http_it_is_the_same(folder: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    printed = json.loads(run(capsys, "status", "--format", "json")[1])
    client = TestClient(Starlette(routes=routes(store, load().budgets, lambda: NOW)))
    assert client.get("/api/budgets").json() == {"budgets": printed}


def test_a_period_that_begins_later_has_nothing_on_record(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(budgets_command, "utc_now", lambda: datetime(2026, 12, 1, tzinfo=timezone.utc))
    search = json.loads(run(capsys, "status", "--format", "json")[1])[0]
    assert (search["actual_usd"], search["thresholds"], search["priced_share"]) == ("0", [], None)


def test_the_owner_of_the_store_is_asked(tmp_path: Path) -> None:
    (tmp_path / "tokentide.toml").write_text(SETTINGS, "utf-8")
    with running_up(tmp_path) as up:
        done = tokentide(tmp_path, "budgets", "status", "--server", up.address)
    assert done.returncode == 1
    assert "no calls were ever seen" in done.stdout
    alone = tokentide(tmp_path, "budgets", "status")
    assert (alone.returncode, alone.stdout) == (1, done.stdout)
