"""An operator's price file: what it states, and what is wrong with one that cannot be."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest

from collector.price_book.price_file import parse_price_file
from collector.price_book.row import BEGINNING, DAY, UNBOUNDED, price_key

WHO = 'provider = "openai"\nmodel = "gpt-5"\n'
RATES = "rates = { input_rate = 1.5, output_rate = 6 }\n"


def entries(*more: str) -> str:
    return "".join(f"[[price]]\n{WHO}{one}" for one in more)


def test_rates_are_exact_and_bounds_are_utc() -> None:
    text = entries(f"valid_from = 2026-11-01T02:00:00+02:00\ninput_from = 1000\nday_from = 01:30:00\n{RATES}")
    (one,) = parse_price_file(text, "override", "ours.toml")
    row = one.row
    assert (row.price_key, row.input_rate, row.output_rate) == (
        price_key("openai", "gpt-5", ""),
        Decimal("1.5"),
        Decimal(6),
    )
    assert (row.valid_from, row.day_from, row.day_to) == (datetime(2026, 11, 1, tzinfo=timezone.utc), 5400, DAY)
    assert (row.input_from, row.input_to, row.source) == (1000, UNBOUNDED, "override ours.toml")


def test_a_contract_is_for_a_team_and_may_be_a_discount() -> None:
    (one,) = parse_price_file(entries('team = "search"\ndiscount = 0.12\n'), "contract", "acme.toml")
    assert (one.team, one.discount, one.row.valid_from) == ("search", Decimal("0.12"), BEGINNING)


@pytest.mark.parametrize(
    ("text", "layer", "says"),
    [
        ("", "override", "price"),
        ("price = 3", "override", "price"),
        ("[[price]\n", "override", "TOML"),
        (entries(""), "override", "either rates or a discount"),
        (entries(f"discount = 0.1\n{RATES}"), "override", "either rates or a discount"),
        (entries("discount = 1.2\n"), "contract", "less than or equal to 1"),
        (entries("rates = { input_rate = -1 }\n"), "override", "from 0 to 10,000"),
        (entries("rates = { input_rate = 10001 }\n"), "override", "from 0 to 10,000"),
        (entries("rates = { input_rate = 0.1234567 }\n"), "override", "at most 6 digits after the point"),
        (entries("discount = 0.1234567\n"), "contract", "6 decimal places"),
        (entries("rates = { inptu_rate = 1 }\n"), "override", "inptu_rate"),
        (entries(f'currency = "EUR"\n{RATES}'), "override", "USD"),
        (entries(f'team = "search"\n{RATES}'), "override", "--layer contract"),
        (entries(f"valid_from = 2026-02-01\nvalid_to = 2026-01-01\n{RATES}"), "override", "later than valid_from"),
        (entries(f"input_from = 5\ninput_to = 5\n{RATES}"), "override", "larger than input_from"),
        (entries(f"color = 1\n{RATES}"), "override", "color"),
        (entries(RATES, RATES), "override", "overlap"),
        (
            entries(f"valid_to = 2026-01-01\n{RATES}", f"valid_from = 2026-02-01\n{RATES}"),
            "override",
            "2026-01-01 to 2026-02-01",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(text: str, layer: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_price_file(text, layer, "ours.toml")


def test_a_gap_can_be_meant() -> None:
    text = entries(f"valid_to = 2026-01-01\n{RATES}", f"valid_from = 2026-02-01\n{RATES}")
    assert len(parse_price_file(text, "override", "ours.toml", allow_gaps=True)) == 2
