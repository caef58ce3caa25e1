"""Our corrections of the seed: what each entry makes of the rates."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest

from collector.price_book.corrections import Corrections, corrected, load_corrections
from collector.price_book.release import release_rows
from collector.price_book.resolve import Resolver
from collector.price_book.row import PriceRow
from collector.price_book.seed import flatten


def row_of(provider: str, model: str, tier: str, day: str, tokens: int = 0) -> PriceRow:
    at = datetime.fromisoformat(day).replace(hour=12, tzinfo=timezone.utc)
    (found,) = (row for row in release_rows()[Resolver().key(provider, "", model, "", tier)] if row.holds(at, tokens))
    return found


@pytest.mark.parametrize(
    ("provider", "model", "tier", "day", "tokens", "rates"),
    [
        ("openai", "gpt-4o", "", "2024-07-01", 0, "5 15"),
        ("openai", "gpt-4o", "", "2024-10-02", 0, "2.5 10"),
        ("openai", "gpt-4o-2024-08-06", "", "2024-09-01", 0, "2.5 10"),
        ("openai", "gpt-4o", "priority", "2026-11-10", 0, "4.25 17"),
        ("openai", "gpt-5", "batch", "2026-05-10", 0, "0.625 5"),
        ("openai", "gpt-5", "priority", "2026-05-10", 0, "2.5 20"),
        ("openai", "gpt-5.6-sol", "batch", "2026-08-20", 0, "2.5 15"),
        ("openai", "gpt-5.6-sol", "batch", "2026-08-21", 0, "2 10"),
        ("openai", "gpt-5.4", "batch", "2026-05-10", 300_000, "2.5 11.25"),
        ("anthropic", "claude-3-5-haiku-20241022", "", "2024-11-10", 0, "1 5"),
        ("anthropic", "claude-opus-4-6", "batch", "2026-03-01", 300_000, "5 18.75"),
        ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "2026-02-01", 300_000, "6.6 24.75"),
        ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "2026-05-01", 300_000, "3.3 16.5"),
        ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "batch", "2026-11-01", 0, "1.65 8.25"),
        ("x-ai", "grok-4.5", "batch", "2026-11-01", 0, "1.6 4.8"),
        ("deepseek", "deepseek-chat", "", "2025-03-01", 0, "0.27 1.1"),
        ("deepseek", "deepseek-chat", "", "2025-10-15", 0, "0.28 0.42"),
        ("litellm", "azure/eu/gpt-4.1", "", "2026-11-01", 0, "2.2 8.8"),
        ("litellm", "azure/eu/gpt-4.1", "batch", "2026-11-01", 0, "1.1 4.4"),
        ("litellm", "azure/eu/o4-mini", "", "2026-11-01", 0, "1.21 4.84"),
        ("aws", "apac.amazon.nova-pro-v1:0", "", "2026-11-01", 0, "0.84 3.36"),
        ("aws", "us.amazon.nova-pro-v1:0", "", "2026-11-01", 0, "0.8 3.2"),
        ("mistral", "mistral-large-latest", "", "2025-12-01", 0, "2 6"),
        ("mistral", "mistral-large-latest", "", "2026-11-01", 0, "0.5 1.5"),
        ("google", "gemini-1.5-flash-8b-001", "", "2025-06-01", 0, "0.0375 0.15"),
        ("google", "gemini-1.5-flash-8b-001", "", "2025-06-01", 200_000, "0.075 0.3"),
        ("google", "gemini-1.5-flash-002", "", "2025-06-01", 0, "0.075 0.3"),
        ("deepseek", "deepseek-v3.2", "", "2026-11-01", 0, "0.28 0.42"),
    ],
)
def test_a_correction_holds(provider: str, model: str, tier: str, day: str, tokens: int, rates: str) -> None:
    row = row_of(provider, model, tier, day, tokens)
    assert (row.input_rate, row.output_rate) == tuple(map(Decimal, rates.split()))


def test_no_two_rows_hold_at_once() -> None:
    for rows in release_rows().values():
        bounds = [(row.valid_from, row.day_from, row.input_from) for row in rows]
        assert len(set(bounds)) == len(bounds)


def test_where_nothing_is_corrected_the_seed_stays() -> None:
    seed = [row for row in flatten() if row.provider == "cohere"]
    assert sorted(map(str, corrected(seed, Corrections()))) == sorted(map(str, seed))


def test_every_entry_has_an_effect() -> None:
    ours, whole = load_corrections(), corrected(list(flatten()), load_corrections())
    for kind in Corrections.model_fields:
        entries = getattr(ours, kind)
        for number, entry in enumerate(entries):
            without = ours.model_copy(update={kind: entries[:number] + entries[number + 1 :]})
            if kind != "model":
                assert corrected(list(flatten()), without) != whole, entry.reason


def test_a_rate_that_there_is_not_is_an_error() -> None:
    entry = {
        "reason": "wrong",
        "recorded": "2026-11-29",
        "provider": "openai",
        "models": ["gpt-5"],
        "rates": {"x_rate": 1},
    }
    with pytest.raises(ValueError, match="x_rate"):
        corrected(list(flatten()), Corrections.model_validate({"rates": [entry]}))
