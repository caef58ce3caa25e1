"""`tokentide prices` as it is typed."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import a_call
from given_prices import give_prices

from collector.rollup import RollUp
from collector.write import Writer
from server import owner, price_lists
from server.cli import main
from store.connection import Store

HOUR = timedelta(hours=1)
OURS = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nvalid_from = 2026-01-01\nrates = { input_rate = 2.5, cache_read_rate = 0.25, output_rate = 20 }\n'
A_CASE = {
    "id": 1,
    "provider": "openai",
    "model": "gpt-5",
    "at": "2026-11-10T12:00:00Z",
    "tier": "standard",
    "usage": {"uncached_input_tokens": 2000, "cache_read_tokens": 18000, "output_tokens": 500},
    "expected_usd": 0.00975,
}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["prices", *words])
    return int(ended.value.code or 0), "".join(capsys.readouterr())


@pytest.fixture
def store_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    """A folder, over a store with two calls; its clock stands still."""
    monkeypatch.chdir(tmp_path)
    for module in (owner, price_lists):
        monkeypatch.setattr(module, "utc_now", lambda: NOW)
        monkeypatch.setattr(module, "owner", lambda *_: nullcontext(store))
    give_prices(store)
    calls = [
        a_call(call_id=str(uuid4()), started_at=NOW - 2 * HOUR, model_requested=name)
        for name in ("gpt-5", "my-gpt-4.1-x")
    ]
    batch = batch_of(*(call.to_json() for call in calls), days=400)
    Writer(store, "kafka", uuid4().hex, lambda s: False, lambda: 0.0).write(batch, NOW)
    roll_up = RollUp(store)
    roll_up.touch(batch.minutes)
    roll_up.rebuild()
    return tmp_path


def test_a_name_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "resolve", "vertex", "models/gemini-2.5-pro", "--at", "2026-11-01")
    assert code == 0
    assert "it is 'gemini-2.5-pro' of 'google', at standard rates" in said
    assert "from 200,001 input tokens on" in said
    assert run(capsys, "resolve", "openai", "nobody-knows") == (
        1,
        "the requested model is 'nobody-knows'\nno price is known for it\n",
    )


def test_a_usage_is_priced_part_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    usage = '{"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 10}'
    code, said = run(capsys, "cost", "--provider", "openai", "--model", "gpt-5", "--at", "2026-11-01", "--usage", usage)
    assert code == 0
    assert said.endswith("priced: $0.0009\n")
    assert "400 at $0.125 per million = $0.00005" in said
    code, said = run(capsys, "cost", "--provider", "openai", "--model", "gpt-5", "--usage", '{"input_tokens": -1}')
    assert (code, said.count("\n")) == (1, 1)
    assert "whole numbers" in said


@pytest.mark.parametrize(
    ("change", "verdict", "code"),
    [
        ({}, "right", 0),
        ({"expected_usd": 0.0098}, "wrong", 1),
        ({"model": "nobody-knows"}, "unpriced", 1),
        ({"model": "nobody-knows", "expected_usd": None}, "right", 0),
        ({"expected_usd": None}, "no_truth", 0),
    ],
)
def test_cases_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], verdict: str, code: int
) -> None:
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([A_CASE | change]), "utf-8")
    ended, said = run(capsys, "cases", str(file), "--json")
    found = json.loads(said)
    assert (ended, found["cases"][0]["verdict"]) == (code, verdict)
    assert found["silent_zero"] == 0
    assert verdict in run(capsys, "cases", str(file))[1]


@pytest.mark.parametrize("text", ["{", "[3]", '[{"id": 1}]'])
def test_a_file_that_has_no_cases_is_said_to_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "cases.json").write_text(text, "utf-8")
    code, said = run(capsys, "cases", str(tmp_path / "cases.json"))
    assert (code, "is no file of cases" in said) == (1, True)


def test_own_prices_are_recorded_and_applied(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = store_of_today / "ours.toml"
    file.write_text(OURS, "utf-8")
    tried = run(capsys, "update", str(file), "--reason", "ours", "--dry-run")[1]
    assert tried.endswith("1 statements are valid; nothing was written\n")
    assert "$1.25   $2.5" in tried
    said = run(capsys, "update", str(file), "--reason", "ours")[1]
    assert "they hold for calls from 2026-11-20T12:01:00+00:00 on" in said
    span = ("reprice", "--from", "2026-11-20", "--to", "2026-11-20T12:00:00Z", "--reason", "ours")
    code, said = run(capsys, *span, "--dry-run")
    assert code == 0
    assert "0.001013000000" in said
    assert "0.002026000000" in said
    assert said.endswith("nothing was written\n")
    assert "is in force" in run(capsys, *span)[1]
    assert run(capsys, *span)[1] == "no cost changes\n"
    history = json.loads(run(capsys, "history", "--format", "json")[1])
    assert {(row["what"], row["reason"]) for row in history} >= {("update", "ours"), ("cost version", "ours")}
    assert "override" in run(capsys, "history")[1]


def test_a_wrong_price_file_changes_nothing(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = store_of_today / "ours.toml"
    file.write_text(OURS.replace("2.5", "-2.5"), "utf-8")
    code, said = run(capsys, "update", str(file), "--reason", "ours")
    assert (code, "from 0 to 10,000" in said, said.count("\n")) == (1, True, 1)
    assert "cannot be read" in run(capsys, "update", "missing.toml", "--reason", "ours")[1]


def test_names_without_a_price_are_listed_with_what_they_may_mean(
    store_of_today: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = json.loads(run(capsys, "unresolved", "--format", "json")[1])
    assert (one["name"], one["calls"], one["token_share"]) == ("my-gpt-4.1-x", 1, 0.5)
    assert one["suggestion"] == {"of_provider": "openai", "is_model": "gpt-4.1"}
    assert "perhaps gpt-4.1 of openai" in run(capsys, "unresolved")[1]
    settings = '[prices.models.x]\nname = "my-gpt-4.1-x"\nis_model = "gpt-4.1"\nof_provider = "openai"\n'
    (store_of_today / "tokentide.toml").write_text(settings, "utf-8")
    assert "it has a price now" in run(capsys, "unresolved")[1]
    reprice = ("reprice", "--from", "2026-11-20", "--to", "2026-11-20T12:00:00Z", "--reason", "declared")
    assert "has a price now" in run(capsys, *reprice)[1]
    assert run(capsys, "unresolved")[1] == "every name has a price\n"


def test_the_time_of_the_price_is_an_instant(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "resolve", "openai", "gpt-5", "--at", "yesterday")
    assert (code, "write 2026-11-01" in said) == (1, True)
