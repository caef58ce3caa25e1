"""Laying rows over others: at every point the uppermost row holds, and only one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from collector.price_book.overlay import joined, overlay
from collector.price_book.row import BEGINNING, RATES, PriceRow

DAYS, SECONDS, TOKENS = 6, 4, 4
BLANK = dict.fromkeys(RATES)


def a_row(number: int, box: tuple[int, int, int, int, int, int], key: int = 1) -> PriceRow:
    since, days, second, seconds, tokens, more = box
    return PriceRow(
        price_key=key,
        provider="p",
        model="m",
        context="",
        valid_from=BEGINNING + timedelta(days=since),
        valid_to=BEGINNING + timedelta(days=since + days),
        day_from=second,
        day_to=second + seconds,
        input_from=tokens,
        input_to=tokens + more,
        **{**BLANK, "input_rate": Decimal(number)},  # type: ignore[arg-type]
        source="",
        reference="",
        confidence="",
    )


BOXES = st.tuples(*(st.integers(low, high) for low, high in ((0, 3), (1, 3), (0, 2), (1, 2), (0, 2), (1, 2))))
LAYERS = st.lists(BOXES, max_size=6).map(lambda boxes: [a_row(number, box) for number, box in enumerate(boxes)])


def at_every_point(rows: list[PriceRow]) -> dict[tuple[int, int, int], list[PriceRow]]:
    points = [(d, s, t) for d in range(DAYS) for s in range(SECONDS) for t in range(TOKENS)]
    return {
        point: [row for row in rows if row.holds(BEGINNING + timedelta(days=point[0], seconds=point[1]), point[2])]
        for point in points
    }


@given(rows=LAYERS)
def test_of_rows_that_overlap_the_last_one_holds_and_no_other(rows: list[PriceRow]) -> None:
    laid = at_every_point(overlay([], rows))
    for point, holding in at_every_point(rows).items():
        assert [row.input_rate for row in laid[point]] == [row.input_rate for row in holding[-1:]]


@given(lower=LAYERS, upper=LAYERS)
def test_the_upper_layer_hides_the_lower_one(lower: list[PriceRow], upper: list[PriceRow]) -> None:
    below, above = overlay([], lower), [row._replace(price_key=1, source="above") for row in overlay([], upper)]
    laid = at_every_point(overlay(below, above))
    for point, hiding in at_every_point(above).items():
        wanted = hiding or at_every_point(below)[point]
        assert [(row.source, row.input_rate) for row in laid[point]] == [(row.source, row.input_rate) for row in wanted]


@given(rows=LAYERS)
def test_joined_rows_say_the_same(rows: list[PriceRow]) -> None:
    laid = overlay([], [row._replace(input_rate=Decimal(int(row.input_rate or 0) % 2)) for row in rows])
    one, other = at_every_point(laid), at_every_point(joined(laid))
    assert {point: [row.input_rate for row in holding] for point, holding in one.items()} == {
        point: [row.input_rate for row in holding] for point, holding in other.items()
    }
    assert len(joined(laid)) <= len(laid)


def test_rows_of_another_key_are_left_alone() -> None:
    box = (0, 3, 0, 2, 0, 2)
    other = a_row(1, box, key=2)
    assert overlay([other], [a_row(2, box)]) == [other, a_row(2, box)]
