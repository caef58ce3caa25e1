"""Cost by what only single calls know: users, sessions, prompts, attributes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call

from analyzers.comparison import compare_cost
from analyzers.report import report
from store.connection import Store

START = NOW - timedelta(hours=1)
ONE = Decimal("0.001013")


def test_it_says_what_the_cost_report_says(store: Store) -> None:
    called = {"user_hash": "a1", "session_id": "s", "prompt_name": "greeting", "prompt_version": "3"}
    unknown = a_call(**called, model_requested="nobody-knows")
    refused = a_rate_limited_call(**called)
    estimated = a_call(**called, usage_source="estimated")
    kept_by_the_app = a_call(**called, cache_hit=True)
    charge = {"operation": "charge", "provider_reported_cost": Decimal("0.5"), "usage_source": "missing"}
    nothing = {"input_tokens": None, "cache_read_tokens": None, "output_tokens": None}
    calls = [a_call(**called), unknown, refused, estimated, kept_by_the_app, a_call(**charge, **nothing, **called)]
    collect(store, *calls)
    of_totals = report(store, "cost", ["team", "model"], START, NOW)
    of_calls = report(store, "cost", ["team", "model", "user"], START, NOW)
    assert of_calls.columns == ("team", "model", "user", *of_totals.columns[2:])
    without_user = [(*row[:2], *row[3:]) for row in of_calls.rows]
    assert without_user == of_totals.rows
    assert without_user[-1] == ("total", "", 2 * ONE + Decimal("0.5"), ONE, 4, 0.75, 300, 288)
    assert [row[2] for row in of_calls.rows] == ["a1", "a1", ""]
    for name in ("session", "prompt", "prompt_version"):
        assert report(store, "cost", [name], START, NOW).rows[-1][1:] == of_totals.rows[-1][2:]


def test_what_names_nobody_is_a_row_as_well(store: Store) -> None:
    collect(store, a_call(user_hash="a1"), a_call(), a_call())
    rows = report(store, "cost", ["user"], START, NOW).rows
    assert [row[:2] for row in rows] == [("", 2 * ONE), ("a1", ONE), ("total", 3 * ONE)]


def test_versions_of_a_prompt_are_told_apart(store: Store) -> None:
    versions = (("greeting", "1"), ("greeting", "2"), ("greeting", "2"), ("summary", "2"))
    collect(store, *(a_call(prompt_name=name, prompt_version=version) for name, version in versions))
    for kind in ("cost", "money"):
        rows = report(store, kind, ["prompt", "prompt_version"], START, NOW).rows
        assert [row[:3] for row in rows] == [
            ("greeting", "2", 2 * ONE), ("greeting", "1", ONE), ("summary", "2", ONE), ("total", "", 4 * ONE),
        ]  # fmt: skip


def test_attributes_are_dimensions_by_their_names(store: Store) -> None:
    projects = ({"project": "p-1", "tier": "gold"}, {"project": "p-1"}, {"tier": "gold"}, {})
    collect(store, *(a_call(attributes=one) for one in projects))
    found = report(store, "cost", ["attribute:project"], START, NOW)
    assert found.columns[:2] == ("attribute:project", "cost_usd")
    assert [row[:2] for row in found.rows] == [("", 2 * ONE), ("p-1", 2 * ONE), ("total", 4 * ONE)]
    found = report(store, "money", ["attribute:tier", "team", "attribute:project"], START, NOW)
    assert [row[:4] for row in found.rows] == [
        ("", "search", "", ONE),
        ("", "search", "p-1", ONE),
        ("gold", "search", "", ONE),
        ("gold", "search", "p-1", ONE),
        ("total", "", "", 4 * ONE),
    ]


def test_a_limit_keeps_the_most_expensive_and_the_total_of_all(store: Store) -> None:
    collect(store, *(a_call(session_id=one) for one in "aabc"))
    rows = report(store, "cost", ["session"], START, NOW, limit=1).rows
    assert [row[:2] for row in rows] == [("a", 2 * ONE), ("total", 4 * ONE)]


def test_the_range_before_has_to_be_kept_too(store: Store) -> None:
    before = START - timedelta(minutes=5)
    collect(store, a_call(user_hash="a1"), a_call(user_hash="b2"), a_call(user_hash="b2", started_at=before))
    found = compare_cost(store, ["user"], START, NOW)
    assert [row[:4] for row in found.rows] == [("a1", ONE, 0, ONE), ("b2", ONE, ONE, 0), ("total", 2 * ONE, ONE, ONE)]
    assert "What stands out is user a1" in found.note
    collect(store, a_call(), a_call())
    assert "What stands out is calls without user" in compare_cost(store, ["user"], START, NOW).note
    store.insert("removed_facts", ["before", "noted_at"], [(START - timedelta(minutes=30), NOW)])
    assert report(store, "cost", ["user"], START, NOW).rows
    assert compare_cost(store, ["team"], START, NOW).rows
    with pytest.raises(ValueError, match="a cost report by what only single calls know needs single calls"):
        compare_cost(store, ["user"], START, NOW)


def test_a_dimension_that_no_call_has_is_explained(store: Store) -> None:
    collect(store, a_call(session_id="s"))
    asked = ("user", "session team", "attribute:tier")
    assert {by: report(store, "cost", by.split(), START, NOW).note for by in asked} == {
        "user": "No call here says its user: apps do with tokentide.context(user=…) and the setting user_key.",
        "session team": "",
        "attribute:tier": "No call here says its attribute tier: apps do with tokentide.context(tier=…).",
    }
    assert report(store, "money", ["user"], START, NOW, limit=1).note == ""


@pytest.mark.parametrize("name", ["users", "attribute:", "attribute", "tag:tier"])
def test_what_is_no_dimension_is_answered_with_those_there_are(store: Store, name: str) -> None:
    told = r"its dimensions are team, .*, user, session, prompt, prompt_version, attribute:NAME"
    with pytest.raises(ValueError, match=rf"a cost report has no dimension {name}: {told}"):
        report(store, "cost", ["team", name], START, NOW)
    with pytest.raises(ValueError, match=r"a latency report has no dimension attribute:tier: .*, operation$"):
        report(store, "latency", ["attribute:tier"], START, NOW)


@pytest.mark.parametrize("by", [["team"], ["team", "user"]])
def test_a_charge_beside_calls_of_unknown_cost_is_known(store: Store, by: list[str]) -> None:
    nothing = {"input_tokens": None, "cache_read_tokens": None, "output_tokens": None, "usage_source": "missing"}
    charge = a_call(team="ghost", operation="charge", provider_reported_cost=Decimal("0.5"), **nothing)
    collect(store, charge, a_call(team="ghost", model_requested="nobody-knows"), a_call())
    rows = report(store, "cost", by, START, NOW).rows
    assert [(row[0], row[len(by)]) for row in rows] == [
        ("ghost", Decimal("0.5")), ("search", ONE), ("total", ONE + Decimal("0.5")),
    ]  # fmt: skip
    (compared, *_) = compare_cost(store, by, START, NOW).rows
    assert compared[len(by)] == Decimal("0.5")
    assert report(store, "money", by, START, NOW).note.endswith(
        "Charges are no calls: $0.5000 of them are in the cost report and not here."
    )
