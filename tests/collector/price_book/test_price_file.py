"""An operator's price file: what it states, and what is wrong with one that cannot be."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest

from collector.price_book.declared import Declared, DeclaredModel
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


def test_a_contract_may_be_for_an_account() -> None:
    (one,) = parse_price_file(entries(f'account = "org-123"\n{RATES}'), "contract", "acme.toml")
    assert (one.team, one.row.output_rate) == ("account:org-123", 6)


def test_a_discount_of_nothing_is_one() -> None:
    (one,) = parse_price_file(entries("discount = 0\n"), "contract", "acme.toml")
    assert one.discount == 0


def test_a_context_is_one_that_names_can_have_or_a_pattern_of_them() -> None:
    for context in ("", "batch", "data-zone", "priority+data-zone"):
        (one,) = parse_price_file(entries(f'context = "{context}"\n{RATES}'), "override", "ours.toml")
        assert one.row.price_key == price_key("openai", "gpt-5", context)
    for context in ("*", "batch*", "*data-zone"):
        assert parse_price_file(entries(f'context = "{context}"\ndiscount = 0.1\n'), "contract", "ours.toml")


def test_a_context_may_be_a_declared_one() -> None:
    text = entries(f'context = "flex+our-zone"\n{RATES}')
    with pytest.raises(ValueError, match=r"there is no context 'flex\+our-zone': there are data-zone, batch, "):
        parse_price_file(text, "override", "ours.toml")
    own = Declared([DeclaredModel(name="x", is_model="gpt-5", of_provider="openai", context="our-zone")])
    assert parse_price_file(text, "override", "ours.toml", declared=own)


@pytest.mark.parametrize(
    ("text", "layer", "says"),
    [
        ("", "override", r"ours.toml states no price: write \[\[price\]\]"),
        ("price = 3", "override", r"ours.toml states no price: write \[\[price\]\]"),
        ("price = [3]", "override", r"ours.toml states no price: write \[\[price\]\]"),
        ("[[prices]]\nmodel = 1", "override", r"ours.toml states no price: write \[\[price\]\]"),
        ("[[price]\n", "override", "TOML"),
        (entries(""), "override", "either rates or a discount"),
        (entries(f"discount = 0.1\n{RATES}"), "override", "either rates or a discount"),
        (entries("discount = 1.2\n"), "contract", "less than or equal to 1"),
        (entries("rates = { input_rate = -1 }\n"), "override", "from 0 to 10,000"),
        (entries("rates = { input_rate = 10001 }\n"), "override", "from 0 to 10,000"),
        (entries("rates = { input_rate = 0.1234567 }\n"), "override", "at most 6 digits after the point"),
        (entries("discount = 0.1234567\n"), "contract", "6 decimal places"),
        (entries("rates = { inptu_rate = 1 }\n"), "override", "inptu_rate"),
        (
            entries(f'currency = "EUR"\n{RATES}'),
            "override",
            "price.1: currency is EUR: rates are in US dollars: convert",
        ),
        (entries(f'team = "search"\n{RATES}'), "override", "--layer contract"),
        (entries(f'account = "org-123"\n{RATES}'), "override", "--layer contract"),
        (entries(f'team = "search"\naccount = "org-123"\n{RATES}'), "contract", "of a team or of an account"),
        (entries(f'team = "account:x"\n{RATES}'), "contract", "account:x cannot be a team"),
        (entries(f'team = "capacity:x"\n{RATES}'), "contract", "capacity:x cannot be a team; .* collector.capacity"),
        (entries(f'team = "*"\n{RATES}'), "contract", "cannot be a team"),
        (entries(RATES).replace("gpt-5", "gpt-*"), "override", "only model and context of a discount"),
        (entries("discount = 0.1\n").replace("openai", "*"), "contract", "only model and context of a discount"),
        (entries(f'context = "nonsense"\n{RATES}'), "override", "price.1: there is no context 'nonsense': there are "),
        (entries(f'context = "*"\n{RATES}'), "override", "leave it away for the standard rates"),
        (entries('context = "nonsense*"\ndiscount = 0.1\n'), "contract", "there is no context 'nonsense.'"),
        (entries(f"day_from = 22:00:00\nday_to = 06:00:00\n{RATES}"), "override", "later than day_from"),
        (entries(f"valid_from = 2026-02-01\nvalid_to = 2026-01-01\n{RATES}"), "override", "later than valid_from"),
        (entries(f"input_from = 5\ninput_to = 5\n{RATES}"), "override", "larger than input_from"),
        (entries(f"color = 1\n{RATES}"), "override", "color"),
        (entries(RATES, RATES), "override", "overlap"),
        (
            entries(f"valid_to = 2026-01-01\n{RATES}", f"valid_from = 2026-02-01\n{RATES}"),
            "override",
            "gpt-5 of openai from 2026-01-01 to 2026-02-01: fill the gap, or allow it with --allow-gaps",
        ),
        (
            entries(f"input_to = 1000\n{RATES}", f"input_from = 200000\n{RATES}"),
            "override",
            "nothing is said of gpt-5 of openai from 1,000 to 200,000 input tokens: fill the gap",
        ),
        (
            entries(f"day_to = 08:00:00\n{RATES}", f"day_from = 16:30:00\n{RATES}"),
            "override",
            "nothing is said of gpt-5 of openai from 08:00 to 16:30 UTC: fill the gap",
        ),
        (
            entries("input_to = 1000\ndiscount = 0.1\n", "input_from = 2000\ndiscount = 0.2\n"),
            "contract",
            "from 1,000 to 2,000 input tokens",
        ),
        (
            entries(
                f"input_to = 1000\n{RATES}",
                f"input_from = 1000\ninput_to = 2000\nvalid_to = 2026-07-01\n{RATES}",
                f"input_from = 2000\n{RATES}",
            ),
            "override",
            "from 1,000 to 2,000 input tokens",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(text: str, layer: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_price_file(text, layer, "ours.toml")


@pytest.mark.parametrize(
    ("of_all", "is_refused"),
    [
        ("discount = 0.1\n", True),
        ("valid_from = 2026-07-01\ndiscount = 0.1\n", True),
        ("valid_from = 2026-08-01\ndiscount = 0.1\n", False),
        ("day_to = 06:00:00\ndiscount = 0.1\n", False),
        ('team = "search"\ndiscount = 0.1\n', False),
        (f'team = "search"\n{RATES}', False),
    ],
)
def test_a_discount_is_not_replaced_by_one_of_more_models_below_it(of_all: str, is_refused: bool) -> None:
    of_one = entries("valid_to = 2026-08-01\ndiscount = 0.5\n")
    of_all = entries(of_all) if RATES in of_all else entries(of_all).replace("gpt-5", "gpt-*")
    assert len(parse_price_file(of_all + of_one, "contract", "ours.toml")) == 2
    if is_refused:
        with pytest.raises(
            ValueError, match=r"of 0.5 on gpt-5 of openai is replaced by that of 0.1 on gpt-\* below it"
        ):
            parse_price_file(of_one + of_all, "contract", "ours.toml")
    else:
        assert len(parse_price_file(of_one + of_all, "contract", "ours.toml")) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("valid_to = 2026-01-01", "valid_from = 2026-02-01"),
        ("input_to = 1000", "input_from = 200000"),
        ("day_to = 08:00:00", "day_from = 16:00:00"),
    ],
)
def test_a_gap_can_be_meant(first: str, second: str) -> None:
    text = entries(f"{first}\n{RATES}", f"{second}\n{RATES}")
    assert len(parse_price_file(text, "override", "ours.toml", allow_gaps=True)) == 2


@pytest.mark.parametrize(
    "rows",
    [
        ["input_from = 200000\n"],
        ["input_to = 1000\n"],
        ["day_from = 08:00:00\nday_to = 16:00:00\n"],
        ["valid_from = 2026-01-01\nvalid_to = 2026-02-01\n"],
        ["input_from = 1000\ninput_to = 2000\n", "input_from = 2000\n"],
        ["valid_to = 2026-01-01\ninput_to = 1000\n", "valid_from = 2026-01-01\ninput_from = 2000\n"],
        ["day_to = 08:00:00\ninput_from = 5\n", "day_from = 08:00:00\nday_to = 16:00:00\n"],
    ],
)
def test_what_is_around_the_rows_is_left_to_the_layers_below(rows: list[str]) -> None:
    text = entries(*(f"{row}{RATES}" for row in rows))
    assert len(parse_price_file(text, "override", "ours.toml")) == len(rows)
