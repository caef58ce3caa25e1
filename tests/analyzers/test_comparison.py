from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call

from analyzers.comparison import compare_cost
from store.connection import Store

HOUR = timedelta(hours=1)
START = NOW - HOUR
EARLIER = {"started_at": START - timedelta(minutes=1)}
ONE = Decimal("0.001013")


def test_the_same_length_of_time_before_stands_beside_it(store: Store) -> None:
    ranges = [(START - HOUR, 2), (START, 3), (START - HOUR - timedelta(minutes=1), 1), (NOW, 1)]
    collect(store, *(a_call(started_at=at) for at, times in ranges for _ in range(times)))
    found = compare_cost(store, ["team"], START, NOW)
    assert found.columns == (
        "team", "cost_usd", "previous_usd", "change_usd", "change_ratio", "priced_share", "previous_priced_share",
    )  # fmt: skip
    assert found.rows == [(name, 3 * ONE, 2 * ONE, ONE, 0.5, 1, 1) for name in ("search", "total")]


def test_the_largest_change_comes_first_and_the_unknown_last(store: Store) -> None:
    unknown = {"team": "unpriced", "model_requested": "nobody-knows"}
    now = [a_call(), a_call(team="new"), a_call(team="new"), a_call(**unknown)]
    before = [
        a_call(**EARLIER),
        *(a_call(team="gone", **EARLIER) for _ in range(3)),
        a_call(team="unpriced", **EARLIER),
    ]
    collect(store, *now, *before)
    rows = [
        ("gone", Decimal(0), 3 * ONE, -3 * ONE, -1, None, 1),
        ("new", 2 * ONE, Decimal(0), 2 * ONE, None, 1, None),
        ("search", ONE, ONE, Decimal(0), 0, 1, 1),
        ("unpriced", None, ONE, None, None, 0, 1),
    ]
    total = ("total", 3 * ONE, 5 * ONE, -2 * ONE, -0.4, 0.75, 1)
    assert compare_cost(store, ["team"], START, NOW).rows == [*rows, total]
    assert compare_cost(store, ["team"], START, NOW, limit=1).rows == [rows[0], total]


def test_more_calls_are_volume_and_a_dearer_model_is_mix(store: Store) -> None:
    collect(store, a_call(**EARLIER), a_call(), a_call(team="support"))
    assert compare_cost(store, ["team"], START, NOW).note == (
        "Total +$0.0010: price +$0.0000, volume +$0.0010, mix +$0.0000. What stands out is team support with +$0.0010."
    )
    collect(store, a_call(model_requested="gpt-5-pro", cache_read_tokens=None))
    note = compare_cost(store, [], START, NOW).note
    assert note.startswith("Total +$0.0140: price +$0.0000, volume +$0.0020, mix +$0.0120.")
    assert note.endswith("What stands out is model gpt-5-pro with +$0.0130.")


def test_another_price_of_the_same_model_is_price(store: Store) -> None:
    collect(
        store, a_call(**EARLIER, provider_reported_cost=Decimal("0.5")), a_call(provider_reported_cost=Decimal("0.3"))
    )
    note = compare_cost(store, ["team"], START, NOW).note
    assert note == "Total -$0.2000: price -$0.2000, volume +$0.0000, mix +$0.0000."


def test_the_note_says_what_it_leaves_out_and_what_it_cannot_say(store: Store) -> None:
    unknown = {"model_requested": "nobody-knows"}
    collect(store, a_call(**unknown, **EARLIER))
    found = compare_cost(store, [], START, NOW)
    assert found.rows == [(Decimal(0), None, None, None, None, 0)]
    assert found.note == "How the total changed is unknown: in one of the two ranges no call has a known cost."
    collect(store, a_call(**EARLIER))
    assert compare_cost(store, [], START, NOW).note == (
        "Total -$0.0010: price +$0.0000, volume -$0.0010, mix +$0.0000. Calls of unknown cost are left out."
    )


def test_nothing_stored_compares_to_nothing(store: Store) -> None:
    found = compare_cost(store, ["team"], START, NOW)
    assert (found.rows, found.note) == ([], "")


def test_a_question_that_cannot_be_answered_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="no dimension colour"):
        compare_cost(store, ["colour"], START, NOW)
    with pytest.raises(ValueError, match="at least 1"):
        compare_cost(store, ["team"], START, NOW, limit=0)
