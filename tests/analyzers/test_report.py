from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call
from hypothesis import given
from hypothesis import strategies as st
from tokentide.call import LLMCall, ProducerReport
from tokentide.identifiers import uuid7

from analyzers.analyzer import Measurement, Window, write
from analyzers.report import DIMENSIONS, report, whole_hours
from store.connection import Store

START = NOW - timedelta(hours=1)
HOUR = timedelta(hours=1)


def test_cost_by_team_and_model_ends_with_the_total(store: Store) -> None:
    unknown = a_call(team="support", model_requested="nobody-knows")
    collect(store, a_call(), a_call(), a_call(team="support"), unknown)
    found = report(store, "cost", ["team", "model"], START, NOW)
    assert found.columns == (
        "team", "model", "cost_usd", "estimated_usd", "attempts", "priced_share", "input_tokens", "output_tokens",
    )  # fmt: skip
    assert found.rows == [
        ("search", "gpt-5", Decimal("0.002026"), 0, 2, 1.0, 200, 192),
        ("support", "gpt-5", Decimal("0.001013"), 0, 1, 1.0, 100, 96),
        ("support", "nobody-knows", None, 0, 1, 0.0, 100, 96),
        ("total", "", Decimal("0.003039"), 0, 4, 0.75, 400, 384),
    ]


def test_what_is_estimated_is_told_apart(store: Store) -> None:
    collect(store, a_call(), a_call(usage_source="estimated"))
    for span in (HOUR, timedelta(hours=49)):  # of minutes, and of hours
        (row,) = report(store, "cost", [], NOW - span, NOW).rows
        assert row[:3] == (Decimal("0.002026"), Decimal("0.001013"), 2)


def test_dimensions_come_in_the_order_asked_for(store: Store) -> None:
    collect(store, a_call(feature="search box", environment="production"))
    found = report(store, "limits", ["operation", "environment", "feature"], START, NOW)
    assert found.rows == [("chat", "production", "search box", 1, 0, 0.0, 0, 0.0)]


def test_without_dimensions_there_is_one_row(store: Store) -> None:
    collect(store, a_call(), a_rate_limited_call())
    assert report(store, "cost", [], START, NOW).rows == [(Decimal("0.001013"), 0, 2, 1.0, 100, 96)]
    assert report(store, "limits", [], START, NOW).rows == [(2, 1, 0.5, 0, 0.0)]


def test_latency_is_unknown_where_nothing_was_measured(store: Store) -> None:
    collect(store, a_call(operation_ms=500.0))
    found = report(store, "latency", ["provider"], START, NOW)
    assert found.rows == [("openai", 1, 500.0, 500.0, 500.0, None, None, None)]


@pytest.mark.parametrize("kind", DIMENSIONS)
def test_an_empty_store_gives_an_empty_report(store: Store, kind: str) -> None:
    assert report(store, kind, DIMENSIONS[kind][:2], START, NOW).rows == []


def test_drift_shows_the_newest_finding(store: Store) -> None:
    rows = [("billing", 0.01, "no drift: 200 texts"), ("shop", 0.4, "drift: an estimated 40 %")]
    for team, share, note in rows:
        labels = {"team": team, "app": "web", "kind": "prompt"}
        one = Measurement(
            metric="novel_share", labels=labels, window=Window(START, NOW), value=share, samples=200, note=note
        )
        write(store, "drift", [one], NOW)
    assert report(store, "drift", ["team", "kind"], START, NOW).rows == [
        ("shop", "prompt", 1, 1, 0.4, None, None, "drift: an estimated 40 %"),
        ("billing", "prompt", 1, 0, 0.01, None, None, "no drift: 200 texts"),
    ]


def test_losses_say_what_became_of_everything_that_was_emitted(store: Store) -> None:
    gone = ProducerReport(
        report_id=uuid7(), producer_id="b", reported_at=START, emitted=9, dropped={"exit": 2}, closed=True, app="shop"
    )
    alive = ProducerReport(report_id=uuid7(), producer_id="a", reported_at=START, emitted=4, hook_errors=3, app="shop")
    calls = [a_call(producer_id=producer, seq=seq, app="shop") for producer in "ab" for seq in (1, 3)]
    collect(store, *calls, calls[0], gone, alive)
    by_process = report(store, "losses", ["process"], START, NOW)
    assert by_process.columns == (
        "process", "processes", "silent", "emitted", "stored", "repeated", "dropped", "reasons_of_drops",
        "dead_letters", "missing", "unknown_tail", "spooled", "hook_errors", "least_delay_ms",
    )  # fmt: skip
    late = int(NOW.timestamp() * 1000) - int(calls[0].started_at.timestamp() * 1000) - int(calls[0].duration_ms)
    assert by_process.rows == [
        ("b", 1, 0, 9, 2, 0, 2, "exit 2", 0, 5, 0, 0, 0, late),
        ("a", 1, 0, 4, 2, 1, 0, "", 0, 1, 1, 0, 3, late),
    ]
    by_app = report(store, "losses", ["app"], START, NOW).rows
    assert by_app == [("shop", 2, 0, 13, 4, 1, 2, "exit 2", 0, 6, 1, 0, 3, late)]


def test_a_process_that_ended_without_a_goodbye_is_silent_and_its_tail_may_be_spooled(store: Store) -> None:
    gone = ProducerReport(report_id=uuid7(), producer_id="a", reported_at=START, emitted=3, spooled=9, app="shop")
    collect(store, a_call(producer_id="a", seq=1, app="shop"), gone)
    (found,) = report(store, "losses", ["app"], START, NOW).rows
    assert found[:5] == ("shop", 1, 1, 3, 1)
    assert found[-4:-2] == (2, 2)


def test_the_ledger_says_in_which_hour_which_numbers_are_missing(store: Store) -> None:
    begin = NOW - 3 * HOUR

    def said(emitted: int, hours: int, **more: Any) -> ProducerReport:
        at = begin + timedelta(hours=hours, minutes=50)
        return ProducerReport(report_id=uuid7(), producer_id="a", reported_at=at, emitted=emitted, app="shop", **more)

    def call(seq: int, hours: int) -> LLMCall:
        return a_call(producer_id="a", seq=seq, app="shop", started_at=begin + timedelta(hours=hours, minutes=seq))

    numbers = {0: (1, 2, 5), 1: (9,), 2: (10, 11)}
    calls = [call(seq, hours) for hours, seqs in numbers.items() for seq in seqs]
    collect(store, *calls, said(6, 0), said(9, 1, dropped={"overflow": 1}))
    collect(store, said(14, 2, dropped={"overflow": 3}, closed=True))
    found = report(store, "ledger", ["hour"], begin, NOW)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    told = [(row["emitted"], row["stored"], row["dropped"], row["in_gaps"], row["gaps"]) for row in rows]
    assert told == [(6, 3, 0, 2, "3-4"), (3, 1, 1, 3, "6-8"), (5, 2, 2, 3, "12-14")]
    assert report(store, "losses", ["process"], begin, NOW).rows[0][9] == 5


def test_the_parts_of_a_process_that_goes_on_add_up_to_what_it_emitted(store: Store) -> None:
    """Of the ten numbers before the stored ones, and of the fifty after them, twenty are dropped: nobody knows which."""
    alive = ProducerReport(report_id=uuid7(), producer_id="a", reported_at=START, emitted=100, dropped={"overflow": 20})
    collect(store, *(a_call(producer_id="a", seq=seq) for seq in range(11, 51)), alive)
    (found,) = report(store, "losses", ["process"], START, NOW).rows
    emitted, stored, dropped, dead, missing, tail = (found[place] for place in (3, 4, 6, 8, 9, 10))
    assert emitted == stored + dropped + dead + missing + tail == 100
    assert (missing, tail) == (0, 40)


def test_dead_letters_have_numbers_too(store: Store) -> None:
    refused = replace(a_call(producer_id="a", seq=12), schema_version=99)
    collect(store, *(a_call(producer_id="a", seq=seq) for seq in (10, 11)), refused)
    (found,) = report(store, "losses", ["process"], START, NOW + HOUR).rows
    assert [found[place] for place in (3, 4, 8, 9, 10)] == [12, 2, 1, 9, 0]


def test_reports_of_a_clock_that_was_set_back_make_no_hour_wrap_around(store: Store) -> None:
    def said(emitted: int, hours: int, **more: Any) -> ProducerReport:
        at = NOW - 3 * HOUR + timedelta(hours=hours, minutes=50)
        return ProducerReport(report_id=uuid7(), producer_id="a", reported_at=at, emitted=emitted, **more)

    collect(store, a_call(producer_id="a", seq=1), said(9, 1, dropped={"overflow": 4}), said(2, 2, closed=True))
    found = report(store, "ledger", ["hour"], NOW - 3 * HOUR, NOW)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [(row["emitted"], row["dropped"]) for row in rows] == [(9, 4), (2, 0)]


def test_an_unknown_dimension_is_answered_with_the_known_ones(store: Store) -> None:
    with pytest.raises(ValueError, match="no dimension colour: its dimensions are team, app, feature"):
        report(store, "cost", ["colour"], START, NOW)
    with pytest.raises(ValueError, match="its dimensions are team, app, kind"):
        report(store, "drift", ["model"], START, NOW)
    with pytest.raises(
        ValueError, match="the reports are cost, money, latency, limits, drift, capacity, losses, ledger"
    ):
        report(store, "weather", ["team"], START, NOW)


@pytest.mark.parametrize("end", [NOW, NOW - timedelta(minutes=20)])
def test_a_long_range_counts_every_minute_once(store: Store, end: datetime) -> None:
    start = NOW - timedelta(hours=72, minutes=30)
    inside = [start, start + timedelta(minutes=29), start + 40 * HOUR, end - timedelta(minutes=1)]
    outside = [start - timedelta(minutes=1), end]
    collect(store, *(a_call(started_at=at) for at in [*inside, *outside]))
    assert report(store, "limits", [], start, end).rows[0][0] == len(inside)


@given(st.integers(0, 10**6), st.integers(1, 30 * 24 * 60))
def test_whole_hours_lie_inside_of_the_range(minute: int, minutes: int) -> None:
    start = NOW - timedelta(minutes=minute)
    end = start + timedelta(minutes=minutes)
    first, after = whole_hours(start, end)
    assert start <= first <= after <= end
    assert (after - first) % HOUR == timedelta(0)
    assert first == start or first.minute == after.minute == 0
    assert minutes <= 48 * 60 or after - first > end - start - 2 * HOUR
