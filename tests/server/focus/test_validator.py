"""The validator of the FinOps Foundation, which knows the rules of FOCUS 1.2, finds nothing wrong with a file."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from collected_calls import collect
from conftest import NOW, needs_environment
from events import a_call

from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from collector.books import close, correct
from server.focus.day import rows
from store.connection import Store

OURS = (
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "REGION_SUPPORTED",
    "TAGGING_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
# It asks for an invoice of every charge, and that no purchase has an effective cost. The rules themselves are about charges
# that have an invoice, and about purchases that cover what is used later.
MISTAKEN = {"InvoiceId-C-005-C", "EffectiveCost-C-005-C"}


def failed(file: Path) -> tuple[int, set[str]]:
    """How many rules hold, and which do not."""
    python = needs_environment("focus")
    packages = next((python.parents[1] / "lib").glob("python*/site-packages"))
    words = ["--data-file", str(file), "--validate-version", "1.2", "--block-download"]
    # It looks for its list of currencies where it runs.
    done = subprocess.run(
        [python.parent / "focus-validator", *words, "--applicability-criteria", ",".join(OURS)],
        cwd=packages,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    held = re.search(r"Pass: (\d+)", done.stdout)
    assert held, done.stdout + done.stderr
    return int(held[1]), set(re.findall(r"^❌ (\S+): FAIL", done.stdout, re.MULTILINE))


@pytest.fixture
def october(store: Store) -> Store:
    """A store with a closed day of everything that rows are about, a correction and a call of unknown cost included."""
    at = NOW.replace(month=10)
    day = at.date()
    resource = CapacityConfig(
        kind="ptu", hourly=Decimal(2), host="flat.example", valid_from=day, valid_to=day + timedelta(days=1)
    )
    collect(
        store,
        a_call(started_at=at, region="eu-west-1", host="bedrock-runtime.eu-west-1.amazonaws.com", provider="bedrock"),
        a_call(started_at=at, service_tier="flex", team=""),
        a_call(started_at=at, provider="openrouter", provider_reported_cost="0.25"),
        a_call(started_at=at, model_requested="nobody-knows"),
        a_call(started_at=at, team="late"),
        a_call(started_at=at, host="flat.example"),
        capacity={"ours": resource},
    )
    allocate_capacity(store, "ours", resource, NOW)
    close(store, at.date().replace(day=1), NOW)
    collect(store, a_call(started_at=at, team="late"))
    correct(store, "an app was offline", NOW)
    return store


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_it_finds_nothing_wrong(october: Store, tmp_path: Path, format: str) -> None:
    file = tmp_path / f"day.{format}"
    file.write_bytes(b"".join(rows(october, NOW.replace(month=10).date(), "1.2", format)))
    held, wrong = failed(file)
    assert wrong == MISTAKEN
    assert held > 200


def test_it_would_find_a_word_that_is_not_allowed(october: Store, tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    text = b"".join(rows(october, NOW.replace(month=10).date(), "1.2", "csv")).decode("utf-8")
    file.write_text(re.sub('"(Usage|Purchase)",', '"Using",', text), "utf-8")
    assert "ChargeCategory-C-003-M" in failed(file)[1]
