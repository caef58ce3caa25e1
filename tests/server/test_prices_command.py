"""`tokentide prices` as it is typed."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call

from server import owner, price_lists, price_lookup_command
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


@pytest.fixture(autouse=True)
def folder_without_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    """A folder, over a store with two calls; its clock stands still."""
    (tmp_path / "tokentide-data/store").mkdir(parents=True)
    for module in (owner, price_lists, price_lookup_command):
        monkeypatch.setattr(module, "utc_now", lambda: NOW)
        monkeypatch.setattr(module, "owner", lambda *_: nullcontext(store))
    names = ("gpt-5", "my-gpt-4.1-x")
    collect(store, *(a_call(started_at=NOW - 2 * HOUR, model_requested=name) for name in names))
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


def test_a_region_is_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "resolve", "azure", "gpt-4.1", "--region", "eastus2", "--at", "2026-11-01")
    assert (code, "the region 'eastus2' changes no price of the book: where" in said) == (0, True)
    assert "eastus2" in run(capsys, "cost", *A_USAGE, "--region", "eastus2")[1]


def test_a_usage_is_priced_part_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    usage = '{"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 10}'
    code, said = run(capsys, "cost", "--provider", "openai", "--model", "gpt-5", "--at", "2026-11-01", "--usage", usage)
    assert code == 0
    assert said.endswith("priced by the price book of this release: $0.0009\n")
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


def test_the_history_begins_with_the_newest(
    store_of_today: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = store_of_today / "ours.toml"
    file.write_text(OURS, "utf-8")
    for hours, reason in enumerate(("first", "second"), start=1):
        monkeypatch.setattr(owner, "utc_now", lambda hours=hours: NOW + hours * HOUR)
        run(capsys, "update", str(file), "--reason", reason)
    history = json.loads(run(capsys, "history", "--format", "json")[1])
    assert [row["reason"] for row in history if row["what"] == "update"][:2] == ["second", "first"]
    assert [row["at"] for row in history] == sorted((row["at"] for row in history), reverse=True)


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


def test_a_name_that_is_priced_as_the_requested_one_is_listed_as_such(
    store_of_today: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    collect(store, a_call(started_at=NOW - HOUR, model_requested="gpt-5", model_responded="unheard"))
    said = " ".join(run(capsys, "unresolved")[1].split())
    assert "33.3% 50.0% priced as the requested gpt-5; declare it in prices.models, or state its price" in said


def test_the_time_of_the_price_is_an_instant(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "resolve", "openai", "gpt-5", "--at", "yesterday")
    assert (code, "write 2026-11-20" in said) == (1, True)


CONTRACT = (
    '[[price]]\nprovider = "openai"\nmodel = "gpt-5*"\nteam = "search"\nvalid_from = 2026-01-01\ndiscount = 0.5\n'
)
A_USAGE = ("--provider", "openai", "--model", "gpt-5", "--usage", '{"input_tokens": 1000000}', "--at", "2026-11-21")


def state(folder: Path, capsys: pytest.CaptureFixture[str], layer: str, text: str) -> None:
    (folder / f"{layer}.toml").write_text(text, "utf-8")
    assert run(capsys, "update", f"{layer}.toml", "--layer", layer, "--reason", "ours")[0] == 0


def test_the_price_book_of_the_store_says_what_a_usage_costs(
    store_of_today: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "cost", *A_USAGE)[1].endswith("priced by the price book of the store: $1.25\n")
    state(store_of_today, capsys, "override", OURS)
    state(store_of_today, capsys, "contract", CONTRACT)
    said = run(capsys, "cost", *A_USAGE)[1]
    assert ": override override.toml (stated)\n" in said
    assert said.endswith("priced by the price book of the store: $2.5\n")
    said = run(capsys, "cost", *A_USAGE, "--team", "search")[1]
    assert ": contract contract.toml (" in said
    assert said.endswith("priced by the price book of the store, for team search: $1.25\n")
    assert run(capsys, "cost", *A_USAGE, "--team", "growth")[1].endswith("for team growth: $2.5\n")
    said = run(capsys, "cost", *A_USAGE, "--release")[1]
    assert ": seed genai-prices" in said
    assert said.endswith("priced by the price book of this release: $1.25\n")


def test_a_call_is_priced_by_what_counted_when_it_started(
    store_of_today: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state(store_of_today, capsys, "override", OURS)
    assert run(capsys, "cost", *A_USAGE[:-1], "2026-11-20T12:00:30Z")[1].endswith("store: $1.25\n")
    assert run(capsys, "cost", *A_USAGE[:-1], "2026-11-20T12:01:00Z")[1].endswith("store: $2.5\n")


def test_a_name_is_explained_by_the_store(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = '[[price]]\nprovider = "our servers"\nmodel = "llama-70b"\nrates = { input_rate = 0.2, output_rate = 0.6 }\n'
    declared = '[prices.models.llama]\nname = "llama*"\nis_model = "llama-70b"\nof_provider = "our servers"\n'
    (store_of_today / "tokentide.toml").write_text(declared, "utf-8")
    asked = ("resolve", "vllm", "llama-3.3", "--at", "2026-11-21")
    code, said = run(capsys, *asked)
    assert (code, said.endswith("the price book of the store has no rates for it at 2026-11-21 00:00\n")) == (1, True)
    state(store_of_today, capsys, "override", own)
    code, said = run(capsys, *asked)
    assert code == 0
    assert "declared to be 'llama-70b' of 'our servers'" in said
    assert "input_rate             $0.2 per million" in said
    assert said.endswith("by the price book of the store\n")
    assert run(capsys, *asked, "--release")[0] == 1


def test_an_account_is_asked_for_beside_a_team(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state(store_of_today, capsys, "contract", CONTRACT.replace('team = "search"', 'account = "org-123"'))
    whose = ("--account", "org-123")
    assert run(capsys, "cost", *A_USAGE, *whose)[1].endswith("for account org-123: $0.625\n")
    assert run(capsys, "cost", *A_USAGE, *whose, "--team", "search")[1].endswith(
        "for team search and account org-123: $0.625\n"
    )
    assert run(capsys, "cost", *A_USAGE, "--account", "another")[1].endswith("for account another: $1.25\n")
    assert ": contract contract.toml (" in run(capsys, "resolve", "openai", "gpt-5", "--at", "2026-11-21", *whose)[1]


def test_a_discount_that_is_stated_again_changes_no_rate(
    store_of_today: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = store_of_today / "discount.toml"
    update = ("update", str(file), "--layer", "contract", "--reason", "ours")
    file.write_text('[[price]]\nprovider = "openai"\nmodel = "gpt-5"\ndiscount = 0.12\n', "utf-8")
    assert "input $1.25 $1.1" in " ".join(run(capsys, *update)[1].split())
    assert run(capsys, *update)[1].startswith("no rate changes\n")
    file.write_text('[[price]]\nprovider = "openai"\nmodel = "gpt-5"\ndiscount = 0\n', "utf-8")
    assert "input $1.1 $1.25" in " ".join(run(capsys, *update, "--dry-run")[1].split())


def test_a_discount_on_nothing_is_warned_of(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store_of_today / "x.toml").write_text(CONTRACT.replace("gpt-5*", "gtp-5*"), "utf-8")
    code, said = run(capsys, "update", "x.toml", "--layer", "contract", "--reason", "ours", "--dry-run")
    assert code == 0
    assert "warning: the discount on 'gtp-5*' of 'openai' fits no price of the book" in said


def test_a_tier_that_vanishes_is_printed(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = (
        '[[price]]\nprovider = "anthropic"\nmodel = "claude-sonnet-4-5"\nrates = { input_rate = 3, output_rate = 15 }\n'
    )
    (store_of_today / "x.toml").write_text(own, "utf-8")
    said = " ".join(run(capsys, "update", "x.toml", "--reason", "ours", "--dry-run")[1].split())
    assert "2026-11-20, from 200,001 tokens output $22.5 $15" in said


def test_new_names_are_told_once(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store_of_today / "x.toml").write_text(OURS.replace("gpt-5", "my-gpt-4.1-x"), "utf-8")
    said = run(capsys, "update", "x.toml", "--reason", "ours")[1]
    assert "new names: 'my-gpt-4.1-x' of 'openai'; collectors that run know them within about 10 seconds\n" in said
    assert "it has a price now: prices reprice" in run(capsys, "unresolved")[1]
    asked = ("resolve", "openai", "my-gpt-4.1-x", "--at", "2026-11-21")
    assert (run(capsys, *asked)[0], run(capsys, *asked, "--release")[0]) == (0, 1)
    assert "new names" not in run(capsys, "update", "x.toml", "--reason", "again")[1]


def test_an_empty_price_file_is_said_to_state_nothing(store_of_today: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store_of_today / "x.toml").write_text("", "utf-8")
    code, said = run(capsys, "update", "x.toml", "--reason", "ours")
    assert (code, "x.toml states no price: write [[price]]" in said) == (1, True)


def test_only_a_store_knows_teams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "cost", *A_USAGE, "--team", "search")
    assert (code, "contracts of teams" in said) == (1, True)
    assert not (tmp_path / "tokentide-data").exists()
