"""What the report of money says, against sums that are worked out by hand from the prices of gpt-5."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokentide.call import LLMCall
from tokentide.identifiers import uuid7

from analyzers.report import DIMENSIONS, Report, report
from store.connection import Store
from store.retention import apply_retention

START = NOW - timedelta(hours=1)
ONE = Decimal("0.001013")
CACHED = 64 * Decimal("1.125") / 10**6
FRESH = 36 * Decimal("1.125") / 10**6
SUMS = ("retries_usd", "abandoned_usd", "cache_savings_usd", "app_cache_saved_usd", "missed_cache_usd")


def money(store: Store, *calls: LLMCall) -> dict[str, Any]:
    """The report of these calls alone, without dimensions."""
    collect(store, *calls)
    found = report(store, "money", [], START, NOW)
    (row,) = found.rows
    return dict(zip(found.columns, row, strict=True))


def test_one_call_of_one_session(store: Store) -> None:
    assert money(store, a_call(session_id="a")) == {
        "cost_usd": ONE,
        "per_call_usd": ONE,
        "per_1k_tokens_usd": Decimal("0.005168367346"),
        "per_session_usd": ONE,
        "per_answer_usd": ONE,
        "retries_usd": 0,
        "retries_share": 0,
        "abandoned_usd": 0,
        "cache_savings_usd": CACHED,
        "app_cache_saved_usd": 0,
        "missed_cache_usd": 0,
        "priced_share": 1,
    }


def test_what_is_unknown_stays_unknown(store: Store) -> None:
    lost = {"usage_source": "missing", "input_tokens": None, "cache_read_tokens": None, "output_tokens": None}
    unknown = a_call(**lost, session_id="a", status="network", http_status=None, stream_outcome="abandoned")
    found = money(store, unknown)
    assert found == dict.fromkeys(found, None) | {"retries_usd": 0, "app_cache_saved_usd": 0, "priced_share": 0}


def test_the_unknown_is_left_out_of_both_sides_of_a_quotient(store: Store) -> None:
    unknown = a_call(model_requested="nobody-knows", session_id="b")
    found = money(store, a_call(session_id="a"), unknown)
    per_unit = ("per_call_usd", "per_session_usd", "per_answer_usd")
    assert [found[name] for name in per_unit] == [ONE] * 3
    assert found["per_1k_tokens_usd"] == Decimal("0.005168367346")
    assert found["priced_share"] == 0.5


def test_attempts_that_were_not_final_are_retries_and_an_answer_bears_their_cost(store: Store) -> None:
    operation = uuid7()
    timed_out = a_call(operation_id=operation, is_final=False, status="timeout")
    found = money(
        store, a_rate_limited_call(operation_id=operation), timed_out, a_call(operation_id=operation, attempt=2)
    )
    assert (found["retries_usd"], found["retries_share"]) == (ONE, 0.5)
    assert (found["per_call_usd"], found["per_answer_usd"]) == (Decimal("0.000675333333"), 2 * ONE)


def test_without_an_answer_there_is_no_cost_of_one(store: Store) -> None:
    assert money(store, a_call(status="timeout"))["per_answer_usd"] is None


def test_streams_that_were_left_early(store: Store) -> None:
    outcomes = ("abandoned", "complete", "broken")
    assert money(store, *(a_call(stream=True, stream_outcome=one) for one in outcomes))["abandoned_usd"] == ONE


def test_a_session_bears_the_calls_that_name_it(store: Store) -> None:
    sessions = ("a", "a", "b", "")
    assert money(store, *(a_call(session_id=one) for one in sessions))["per_session_usd"] == ONE * 3 / 2


def test_without_sessions_there_is_no_cost_of_one(store: Store) -> None:
    found = money(store, a_call())
    assert (found["per_session_usd"], found["missed_cache_usd"]) == (None, 0)


def test_an_app_with_a_cache_of_its_own_saves_whole_answers(store: Store) -> None:
    found = money(store, a_call(), a_call(cache_hit=True))
    assert (found["cost_usd"], found["app_cache_saved_usd"]) == (ONE, ONE)
    assert (found["per_call_usd"], found["per_answer_usd"]) == (ONE, ONE / 2)
    assert (found["cache_savings_usd"], found["priced_share"]) == (CACHED, 1)


def test_only_sessions_with_a_second_call_could_have_read_from_the_cache(store: Store) -> None:
    operation = uuid7()
    retried = [a_call(session_id="a", operation_id=operation, is_final=final) for final in (False, True)]
    asked_twice = [a_call(session_id="b"), a_call(session_id="b", cache_read_tokens=None)]
    hit = [a_call(session_id="c"), a_call(session_id="c", cache_hit=True)]
    assert money(store, *retried, *asked_twice, *hit)["missed_cache_usd"] == 2 * FRESH + CACHED


def test_a_model_without_a_rate_for_the_cache_has_missed_and_saved_nothing(store: Store) -> None:
    call = {"model_requested": "gpt-4", "session_id": "a"}
    found = money(store, a_call(**call), a_call(**call))
    assert (found["cache_savings_usd"], found["missed_cache_usd"]) == (0, 0)


def test_what_costs_nothing_has_saved_nothing(store: Store) -> None:
    assert money(store, a_call(operation="count_tokens"))["cache_savings_usd"] == 0


def test_a_cost_that_the_provider_reports_says_nothing_about_rates(store: Store) -> None:
    found = money(store, a_call(provider_reported_cost=Decimal("0.5"), session_id="a"))
    assert (found["cost_usd"], found["cache_savings_usd"], found["missed_cache_usd"]) == (Decimal("0.5"), None, None)


def test_a_range_that_begins_before_calls_are_kept_is_refused(store: Store) -> None:
    apply_retention(store, calls_days=30, texts_days=0, now=NOW)
    now = datetime.now(timezone.utc)
    for kind, by in (("money", "team"), ("cost", "user"), ("cost", "attribute:project")):
        with pytest.raises(ValueError, match=r"single calls, which are kept from .* on: ask for a shorter range"):
            report(store, kind, [by], now - timedelta(days=31), now)
        assert report(store, kind, [by], now - timedelta(days=29), now).rows == []
    assert report(store, "cost", ["team"], now - timedelta(days=31), now).rows == []


@pytest.mark.parametrize("kind", ["cost", "money"])
def test_a_limit_keeps_the_most_expensive_and_the_total_of_all(store: Store, kind: str) -> None:
    collect(store, a_call(), a_call(team="support"), a_call(team="support"))
    rows = report(store, kind, ["team"], START, NOW, limit=1).rows
    assert [row[:2] for row in rows] == [("support", 2 * ONE), ("total", 3 * ONE)]


def test_a_limit_that_cannot_be_is_refused(store: Store) -> None:
    for kind, limit in (("cost", 0), ("money", -1), ("latency", 3)):
        with pytest.raises(ValueError, match="a limit is a number of rows, at least 1, of a report of cost or money"):
            report(store, kind, ["team"], START, NOW, limit)


def various_calls() -> Iterable[LLMCall]:
    """Two of every combination of what money depends on, spread over three days and all dimensions."""
    changes: list[list[dict[str, Any]]] = [
        [{"model_requested": name} for name in ("gpt-5", "gpt-5-mini", "nobody-knows")],
        [{}, {"cache_hit": True}, {"is_final": False, "status": "timeout"}, {"stream_outcome": "abandoned"}],
        [{}, {"usage_source": "estimated"}, {"provider_reported_cost": Decimal("0.1")}, {"cache_read_tokens": 101}],
        [{"session_id": name} for name in ("", "a")],
    ]
    for number, chosen in enumerate(product([{}, {"app": "web"}], *changes)):
        fields = {name: value for change in chosen for name, value in change.items()}
        yield a_call(
            **fields,
            started_at=NOW - timedelta(minutes=1 + 23 * number),
            team=f"team {number % 5}",
            feature=f"feature {number % 7}",
            environment=("production", "test")[number % 2],
            operation=("chat", "responses")[number % 3 == 0],
            input_tokens=100 + number % 11,
            user_hash=("", "a1", "b2", "c3")[number % 4],
            prompt_name=("", "greeting", "summary")[number % 3],
            prompt_version=("", "1", "2", "3", "4")[number % 5],
            attributes={"project": f"p-{number % 6}"} if number % 7 else {},
        )


def amounts(found: Report) -> list[dict[str, Decimal]]:
    """What can be added up of every row; where nothing is known nothing is added."""
    names = [name for name in found.columns if name in ("cost_usd", *SUMS)]
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    return [{name: row[name] or Decimal(0) for name in names} for row in rows]


def test_by_whatever_dimensions_the_parts_add_up_to_the_total(store: Store) -> None:
    calls = list(various_calls())
    collect(store, *calls)
    minutes = 1 + 23 * len(calls)

    @settings(max_examples=40)
    @given(
        st.lists(st.sampled_from([*DIMENSIONS["money"], "attribute:project"]), min_size=1, max_size=2, unique=True),
        st.tuples(*[st.integers(0, minutes)] * 2),
    )
    @example(["team"], (0, minutes))
    def add_up(by: list[str], ends: tuple[int, int]) -> None:
        end, start = (NOW - timedelta(minutes=one) for one in sorted(ends))
        totals = []
        for kind in ("cost", "money"):
            found = amounts(report(store, kind, by, start, end))
            total = found.pop() if found else {}
            assert total == {name: sum(row[name] for row in found) for name in total}
            totals.append(total.get("cost_usd", 0))
        by_team = report(store, "cost", ["team"], start, end).rows
        assert totals == [by_team[-1][1] or 0 if by_team else 0] * 2

    add_up()


def test_counting_tokens_is_no_answer_and_no_call(store: Store) -> None:
    found = money(store, a_call(), *(a_call(operation="count_tokens") for _ in range(9)))
    assert (found["per_call_usd"], found["per_answer_usd"]) == (ONE, ONE)
    assert found["per_1k_tokens_usd"] == Decimal("0.005168367346")
