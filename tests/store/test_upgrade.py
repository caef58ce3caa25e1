"""A store that release 0.1.0 wrote, opened by this release. Two engines cannot be in one process, so it is another one."""

from __future__ import annotations

import json
import tarfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tokentide_process import tokentide

SAMPLE = Path(__file__).parent / "samples" / "release_0.1.0.tar.xz"
KEPT = {"TOKENTIDE_STORE__KEEP_TEXTS_DAYS": "0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sample is unpacked and upgraded."""
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(SAMPLE) as packed:
        packed.extractall(folder / "tokentide-data", filter="data")
    done = tokentide(folder, "migrate", **KEPT)
    assert done.returncode == 0, done.stderr
    return folder


def exported(folder: Path, what: str) -> list[dict[str, Any]]:
    done = tokentide(
        folder, "export", "--what", what, "--from", "2026-11-01", "--to", "2026-12-01", "--format", "jsonl", **KEPT
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("what", ["hours", "minutes"])
def test_the_totals_are_those_of_the_release_that_wrote_them(folder: Path, what: str) -> None:
    rows = exported(folder, what)
    sums = {name: sum(row[name] for row in rows) for name in ("attempts", "rate_limited", "unpriced", "input_tokens")}
    assert sums == {"attempts": 41, "rate_limited": 4, "unpriced": 1, "input_tokens": 3700}
    assert sum(Decimal(row["cost"] or 0) for row in rows) == 36 * Decimal("0.001013")


def test_calls_texts_and_ledger_are_there(folder: Path) -> None:
    calls = exported(folder, "calls")
    assert len(calls) == 41
    assert sum(Decimal(row["cost"] or 0) for row in calls) == 36 * Decimal("0.001013")
    assert {(row["prompt"], row["response"]) for row in exported(folder, "texts")} == {
        (f"prompt {number}", f"response {number}") for number in range(40)
    }
    assert sum(row["stored"] for row in exported(folder, "ledger")) == 41


def test_a_second_start_changes_nothing(folder: Path) -> None:
    before = exported(folder, "minutes")
    assert tokentide(folder, "migrate", **KEPT).returncode == 0
    assert exported(folder, "minutes") == before


def test_what_an_earlier_release_rolled_up_can_be_priced_again(folder: Path) -> None:
    def by_team() -> dict[str, Decimal]:
        rows = exported(folder, "minutes")
        return {
            team: sum(Decimal(row["cost"] or 0) for row in rows if row["team"] == team)
            for team in ("search", "support")
        }

    prices = folder / "ours.toml"
    prices.write_text('[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nvalid_from = 2026-01-01\ndiscount = 0.5\n')
    before = by_team()
    for words in (
        ("update", str(prices), "--layer", "contract", "--reason", "the contract"),
        ("reprice", "--from", "2026-11-01", "--to", "2026-11-25", "--reason", "the contract"),
    ):
        done = tokentide(folder, "prices", *words, **KEPT)
        assert done.returncode == 0, done.stdout + done.stderr
    assert by_team() == {team: cost / 2 for team, cost in before.items()}
