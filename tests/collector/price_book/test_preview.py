"""Which rates new statements would change."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from conftest import NOW

from collector.price_book.effective import Statement
from collector.price_book.preview import RateChange, preview, unfitting
from collector.price_book.price_file import parse_price_file
from collector.price_book.release import release_rows

SEED = [Statement(1, "seed", "", row) for rows in release_rows().values() for row in rows if row.provider == "cohere"]
WHO = '[[price]]\nprovider = "cohere"\nmodel = "command-a"\n'


def changes(text: str, layer: str = "override") -> list[RateChange]:
    return preview(SEED, parse_price_file(text, layer, "ours"), NOW)


def test_a_rate_that_becomes_another_is_told_and_the_same_one_is_not() -> None:
    found = changes(WHO + "rates = { input_rate = 2, output_rate = 10 }\n")
    assert [(one.model, one.rate, one.before, one.after) for one in found] == [
        ("command-a", "input_rate", Decimal("2.5"), 2)
    ]


def test_what_holds_later_is_told_with_its_day() -> None:
    (found,) = changes(WHO + "valid_from = 2027-01-01\nrates = { input_rate = 2.5, output_rate = 8 }\n")
    assert (found.at, found.rate, found.after) == (datetime(2027, 1, 1, tzinfo=timezone.utc), "output_rate", 8)


def test_a_discount_of_a_team_is_told_for_that_team() -> None:
    found = changes('[[price]]\nprovider = "cohere"\nmodel = "command-a"\nteam = "red"\ndiscount = 0.1\n', "contract")
    assert {(one.team, one.rate, one.after) for one in found} == {
        ("red", "input_rate", Decimal("2.25")),
        ("red", "output_rate", Decimal(9)),
    }


def test_a_model_that_the_book_did_not_know_had_no_rate() -> None:
    (found,) = changes('[[price]]\nprovider = "ours"\nmodel = "llama"\nrates = { output_rate = 1 }\n')
    assert (found.before, found.after) == (None, 1)


TIERS = [
    Statement(1, "seed", "", row)
    for rows in release_rows().values()
    for row in rows
    if (row.provider, row.model, row.context) == ("anthropic", "claude-sonnet-4-5", "")
]
SONNET = '[[price]]\nprovider = "anthropic"\nmodel = "claude-sonnet-4-5"\n'


def test_a_tier_that_vanishes_is_told() -> None:
    standard = next(one.row for one in TIERS if one.row.input_from == 0)
    rates = ", ".join(f"{name} = {rate}" for name, rate in standard.rates.items() if rate is not None)
    found = preview(TIERS, parse_price_file(f"{SONNET}rates = {{ {rates} }}\n", "override", "ours"), NOW)
    assert {(one.input_from, one.rate, one.before, one.after) for one in found} >= {
        (200_001, "input_rate", Decimal(6), Decimal(3)),
        (200_001, "output_rate", Decimal("22.5"), Decimal(15)),
    }
    assert {one.input_from for one in found} == {200_001}


def test_a_tier_that_is_split_is_told_where_it_changes() -> None:
    found = changes(WHO + "input_from = 1000\nrates = { input_rate = 2.5, output_rate = 8 }\n")
    assert [(one.input_from, one.rate, one.after) for one in found] == [(1000, "output_rate", 8)]


def test_a_part_of_the_day_is_told_whatever_the_time_is() -> None:
    hours = "day_from = 03:00:00\nday_to = 04:00:00\n"
    (found,) = changes(WHO + hours + "rates = { input_rate = 2.5, output_rate = 8 }\n")
    assert (found.day_from, found.rate, found.after) == (3 * 3600, "output_rate", 8)


def test_a_later_change_that_the_book_knew_and_that_is_taken_back_is_told() -> None:
    later = parse_price_file(
        WHO + "valid_from = 2027-01-01\nrates = { input_rate = 2.5, output_rate = 8 }\n", "override", "x"
    )
    known = [*SEED, *later]
    found = preview(
        known, parse_price_file(WHO + "rates = { input_rate = 2.5, output_rate = 10 }\n", "override", "x"), NOW
    )
    assert [(one.at.year, one.rate, one.before, one.after) for one in found] == [(2027, "output_rate", 8, 10)]


def test_a_discount_that_fits_no_price_is_found() -> None:
    discounts = "".join(
        f'[[price]]\nprovider = "cohere"\nmodel = "{model}"\n{when}discount = 0.1\n'
        for model, when in (
            ("command-*", ""),
            ("commandd-*", ""),
            ("own-*", ""),
            ("own-large", "valid_to = 2026-01-01\n"),
        )
    )
    own = '[[price]]\nprovider = "cohere"\nmodel = "own-large"\nvalid_from = 2026-01-01\nrates = { output_rate = 1 }\n'
    found = unfitting(SEED, parse_price_file(own + discounts, "contract", "ours"))
    assert [one.row.model for one in found] == ["commandd-*", "own-large"]
