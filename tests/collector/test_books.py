"""The books: a closed month is never rewritten, and with its corrections it adds up to what is known."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokentide.call import LLMCall

from collector.books import close, closed_months, correct, months
from collector.price_book.book import PriceBook, Update
from collector.price_book.price_file import parse_price_file
from collector.price_book.resolve import Resolver
from collector.repricing.reprice import reprice
from store.connection import Store
from store.sql import parse

SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)
A_CALL = Decimal("0.001013")
ENTRIES = parse(
    "entries",
    "-- One row = one entry.\nSELECT kind, month, team, attempts, cost FROM book_entries"
    " WHERE closing IN (SELECT number FROM book_closings) ORDER BY closing, kind DESC, month, team",
)
DOUBLE = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nrates = { input_rate = 2.5, cache_read_rate = 0.25, output_rate = 20 }\n'


def a_call_of(team: str, month: date, day: int = 5, **more: object) -> LLMCall:
    at = datetime(month.year, month.month, day, 12, tzinfo=timezone.utc)
    return a_call(team=team, started_at=at, **more)


@pytest.fixture
def priced(store: Store) -> Store:
    collect(
        store,
        a_call_of("red", SEPTEMBER),
        a_call_of("red", OCTOBER),
        a_call_of("blue", OCTOBER),
        a_call_of("red", NOVEMBER),
    )
    return store


def test_a_closed_month_is_booked_as_it_was(priced: Store) -> None:
    close(priced, SEPTEMBER, NOW)
    booked = close(priced, OCTOBER, NOW)
    assert (booked.usage_entries, booked.usage, booked.correction_entries) == (2, 2 * A_CALL, 0)
    assert closed_months(priced) == [SEPTEMBER, OCTOBER]
    assert priced.query(ENTRIES).rows == [
        ("usage", SEPTEMBER, "red", 1, A_CALL),
        ("usage", OCTOBER, "blue", 1, A_CALL),
        ("usage", OCTOBER, "red", 1, A_CALL),
    ]


def test_what_comes_late_is_a_correction_and_the_entries_stay(priced: Store) -> None:
    close(priced, SEPTEMBER, NOW)
    before = priced.query(ENTRIES).rows
    collect(priced, a_call_of("late", SEPTEMBER))
    (september, *_) = months(priced)
    assert (september.usage, september.corrections, september.not_booked) == (A_CALL, 0, A_CALL)
    booked = correct(priced, "an app was offline", NOW)
    assert (booked.usage_entries, booked.correction_entries, booked.corrections) == (0, 1, A_CALL)
    assert priced.query(ENTRIES).rows == [*before, ("correction", SEPTEMBER, "late", 1, A_CALL)]
    assert months(priced)[0].not_booked == 0
    assert correct(priced, "again", NOW).correction_entries == 0


def test_the_next_close_corrects_the_months_before_it(priced: Store) -> None:
    close(priced, SEPTEMBER, NOW)
    collect(priced, a_call_of("late", SEPTEMBER))
    booked = close(priced, OCTOBER, NOW)
    assert (booked.usage_entries, booked.correction_entries, booked.corrections) == (2, 1, A_CALL)


def test_re_pricing_a_closed_month_corrects_it(priced: Store) -> None:
    close(priced, SEPTEMBER, NOW)
    book = PriceBook(priced)
    book.record(Update("override", "ours", "0" * 64, "ours", parse_price_file(DOUBLE, "override", "ours")), NOW)
    start, end = datetime(2026, 9, 1, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
    done = reprice(priced, Resolver(), start, end, "the contract", NOW, dry_run=False)
    assert done.corrections == 1
    (september, october, november) = months(priced)
    assert (september.usage, september.corrections, september.known_now) == (A_CALL, A_CALL, 2 * A_CALL)
    assert (october.closed_at, october.known_now, november.known_now) == (None, 4 * A_CALL, A_CALL)


@pytest.mark.parametrize(
    ("month", "says"),
    [
        (NOVEMBER, "not over"),
        (OCTOBER, "close 2026-09 first"),
        (date(2026, 8, 1), "no calls"),
        (date(2026, 9, 2), "no month"),
    ],
)
def test_a_month_that_cannot_be_closed_is_refused(priced: Store, month: date, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        close(priced, month, NOW)


def test_a_month_is_closed_once(priced: Store) -> None:
    close(priced, SEPTEMBER, NOW)
    with pytest.raises(ValueError, match="books correct"):
        close(priced, SEPTEMBER, NOW)


def test_a_month_can_be_closed_on_the_first_day_after_it(priced: Store) -> None:
    with pytest.raises(ValueError, match="not over"):
        close(priced, SEPTEMBER, datetime(2026, 9, 30, 23, 59, tzinfo=timezone.utc))
    assert close(priced, SEPTEMBER, datetime(2026, 10, 1, tzinfo=timezone.utc)).usage_entries == 1


def test_a_closing_that_did_not_come_to_its_end_counts_not(priced: Store) -> None:
    close(priced, SEPTEMBER, NOW)
    priced.execute(
        parse("lost", "-- One row = none.\nALTER TABLE book_closings DELETE WHERE 1 SETTINGS mutations_sync = 2")
    )
    assert months(priced)[0].closed_at is None
    assert close(priced, SEPTEMBER, NOW).usage == A_CALL
    assert months(priced)[0].usage == A_CALL


STEPS = st.lists(st.sampled_from(["late", "unpriced", "correct", "close"]), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None)
@given(steps=STEPS)
def test_usage_and_corrections_add_up_to_what_is_known(priced: Store, steps: list[str]) -> None:
    for step in [*steps, "correct"]:
        open_months = [one.month for one in months(priced) if one.closed_at is None and one.month < NOVEMBER]
        if step == "late":
            collect(priced, a_call_of("late", SEPTEMBER, seq=1))
        elif step == "unpriced":
            collect(priced, a_call_of("late", OCTOBER, model_requested="nobody-knows"))
        elif step == "correct":
            correct(priced, "now", NOW)
        elif open_months:
            close(priced, open_months[0], NOW + timedelta(days=1))
    assert all(one.not_booked == 0 for one in months(priced) if one.closed_at)
