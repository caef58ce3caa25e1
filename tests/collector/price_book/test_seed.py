"""The seed as it is flattened: one row for one rate, whatever words the price data uses for a tier."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from collector.price_book.resolve import Resolver
from collector.price_book.row import PriceRow, from_csv, to_csv
from collector.price_book.seed import CONTEXTS, flatten


@pytest.fixture(scope="module")
def rows() -> Sequence[PriceRow]:
    return list(flatten())


def test_anthropics_fast_mode_has_rates_of_its_own(rows: Sequence[PriceRow]) -> None:
    name = ("anthropic", "api.anthropic.com", "claude-opus-4-8", "claude-opus-4-8")
    key = Resolver().key(*name, "fast")
    assert {(row.input_rate, row.output_rate) for row in rows if row.price_key == key} == {(Decimal(10), Decimal(50))}
    assert Resolver().key(*name, "standard") != key


def test_the_rows_of_a_model_in_one_context_do_not_overlap(rows: Sequence[PriceRow]) -> None:
    places = [(row.price_key, row.valid_from, row.day_from, row.input_from) for row in rows]
    assert len(set(places)) == len(places)
    assert {row.context for row in rows} == set(CONTEXTS)


def test_what_is_written_is_read_again(rows: Sequence[PriceRow]) -> None:
    assert list(from_csv(to_csv(rows))) == rows
