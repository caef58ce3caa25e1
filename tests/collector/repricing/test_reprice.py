"""Re-pricing: a new cost version, what it changed, and totals that follow; the old cost stays known."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import give_prices, state_prices
from tokentide.call import LLMCall

from collector.price_book.declared import Declared, DeclaredModel
from collector.price_book.resolve import Named, Resolver
from collector.price_book.row import price_key
from collector.repricing.costs import Change
from collector.repricing.names import Renamed
from collector.repricing.reprice import Repriced, reprice
from collector.rollup import RollUp
from store.connection import Store
from store.errors import StoreError
from store.sql import Query, load, parse

SPENT = parse(
    "spent", "-- One row = what was spent.\nSELECT sum(cost), sum(priced), sum(unpriced) FROM call_minutes FINAL"
)
SPENT_IN_HOURS = parse(
    "hours", "-- One row = the same.\nSELECT sum(cost), sum(priced), sum(unpriced) FROM call_hours FINAL"
)
UNDER = parse(
    "under", "-- One row = the same.\nSELECT sum(cost) FROM priced_calls_at(version = {version:UInt32}, contracts = 1)"
)
TRAIL = parse(
    "trail", "-- One row = one change.\nSELECT team, cost_before, cost_after, reason FROM cost_changes ORDER BY team"
)
VERSIONS = parse("versions", "-- One row = one kind.\nSELECT kind FROM cost_versions ORDER BY number")
START, END = NOW.replace(hour=0), NOW
HOUR = timedelta(hours=1)


def again(store: Store, start: datetime, end: datetime, reason: str, now: datetime, dry_run: bool) -> Repriced:
    return reprice(store, Resolver(), start, end, reason, now, dry_run)


def of_a_team(team: str, hours_ago: int, **more: object) -> LLMCall:
    return a_call(team=team, started_at=NOW - hours_ago * HOUR, **more)


DOUBLE = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nvalid_from = {since}\nrates = {{ input_rate = 2.5, cache_read_rate = 0.25, output_rate = 20 }}\n'
A_CALL, DOUBLED = Decimal("0.001013"), Decimal("0.002026")


@pytest.fixture
def priced(store: Store) -> Store:
    collect(
        store,
        of_a_team("red", 5),
        of_a_team("red", 3),
        of_a_team("blue", 3),
        of_a_team("blue", 2, model_requested="nobody-knows"),
    )
    return store


def test_a_size_at_which_prices_change_only_now_splits_what_was_added_up(store: Store) -> None:
    collect(store, of_a_team("red", 1, input_tokens=1000), of_a_team("red", 1, input_tokens=3000))
    (before,) = store.query(SPENT).rows
    state_prices(store, DOUBLE.format(since="2026-01-01").replace("rates", "input_from = 2000\nrates"))
    tried = again(store, START, END, "", NOW, dry_run=True)
    assert store.query(SPENT).rows == [before]
    done = again(store, START, END, "larger inputs", NOW, dry_run=False)
    cost = store.query(UNDER, {"version": done.cost_version}).scalar()
    assert cost > before[0]
    assert store.query(SPENT).rows == store.query(SPENT_IN_HOURS).rows == [(cost, 2, 0)]
    assert tried.changes == done.changes


def test_what_a_cache_saved_follows_the_price(store: Store) -> None:
    collect(store, of_a_team("red", 3, cache_hit=True))
    state_prices(store, DOUBLE.format(since="2026-01-01"))
    again(store, START, END, "ours", NOW, dry_run=False)
    for table in ("call_minutes", "call_hours"):
        saved = parse("saved", f"-- One row = all.\nSELECT sum(saved), sum(cost) FROM {table} FINAL")
        assert store.query(saved).rows == [(DOUBLED, 0)]


def test_minutes_that_are_to_be_split_are_noted_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    collect(store, of_a_team("red", 1, input_tokens=1000), of_a_team("red", 1, input_tokens=3000))
    (before,) = store.query(SPENT).rows
    state_prices(store, DOUBLE.format(since="2026-01-01").replace("rates", "input_from = 2000\nrates"))
    execute = store.execute

    def killed(query: Query, *more: Any) -> None:
        if query.name == "forget_minutes":
            raise StoreError("killed")
        execute(query, *more)

    with monkeypatch.context() as broken:
        broken.setattr(store, "execute", killed)
        with pytest.raises(StoreError):
            again(store, START, END, "", NOW, dry_run=True)
    restarted = RollUp(store)
    restarted.recover(timedelta())
    while restarted.rebuild():
        pass
    assert store.query(SPENT).rows == [before]


def test_prices_that_are_changed_meanwhile_are_not_replaced(priced: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = priced.execute

    def meanwhile(query: Query, *more: Any) -> None:
        if query.name == "touch_mixed_minutes":
            monkeypatch.setattr(priced, "execute", execute)
            state_prices(priced, DOUBLE.format(since="2026-01-01"))
        execute(query, *more)

    monkeypatch.setattr(priced, "execute", meanwhile)
    with pytest.raises(ValueError, match="price the calls again"):
        again(priced, START, END, "ours", NOW, dry_run=False)
    assert [kind for (kind,) in priced.query(VERSIONS).rows] == ["first", "update"]


def test_names_that_are_understood_only_after_a_stop_are_in_the_totals(priced: Store) -> None:
    named = {"model_requested": "nobody-knows"}
    known = Resolver(Declared([DeclaredModel(name="nobody-knows", is_model="gpt-5", of_provider="openai")]))
    span = {"start": START, "end": END, "capacity": ""}
    (names,) = [
        row
        for row in priced.query(load("collector.repricing", "names_of_calls"), span).rows
        if row[2] == named["model_requested"]
    ]
    asked = span | {"price_key": known.key("openai", "", "nobody-knows", "", "")}
    asked |= dict(zip(("provider", "host", "requested", "responded", "service_tier"), names, strict=False))
    for name in ("touch_named_calls", "rename_calls"):  # as if it had been killed then
        priced.execute(load("collector.repricing", name), asked)
    reprice(priced, known, START, END, "again", NOW, dry_run=False)
    assert priced.query(SPENT).rows == [(4 * A_CALL, 4, 0)]


def test_calls_before_and_after_a_change_of_price_cost_what_held_then(priced: Store) -> None:
    state_prices(priced, DOUBLE.format(since=f"{NOW - 4 * HOUR:%Y-%m-%dT%H:%M:%SZ}"))
    assert priced.query(SPENT).rows == [(3 * A_CALL, 3, 1)]
    done = again(priced, START, END, "the contract of November", NOW, dry_run=False)
    assert priced.query(SPENT).rows == [(A_CALL + 2 * DOUBLED, 3, 1)]
    assert priced.query(SPENT_IN_HOURS).rows == [(A_CALL + 2 * DOUBLED, 3, 1)]
    assert priced.query(UNDER, {"version": done.cost_version}).scalar() == A_CALL + 2 * DOUBLED
    assert priced.query(UNDER, {"version": 1}).scalar() == 3 * A_CALL


def test_every_change_is_on_record(priced: Store) -> None:
    state_prices(priced, DOUBLE.format(since="2026-01-01"))
    done = again(priced, START, END, "the contract of November", NOW, dry_run=False)
    month = date(2026, 11, 1)
    assert [change._replace(month=month) for change in done.changes] == [
        Change(month, "blue", "gpt-5", 1, 1, 1, A_CALL, DOUBLED),
        Change(month, "red", "gpt-5", 2, 2, 2, 2 * A_CALL, 2 * DOUBLED),
    ]
    reason = "the contract of November"
    assert priced.query(TRAIL).rows == [("blue", A_CALL, DOUBLED, reason), ("red", 2 * A_CALL, 2 * DOUBLED, reason)]
    assert [kind for (kind,) in priced.query(VERSIONS).rows] == ["first", "update", "reprice"]


def test_a_dry_run_says_the_same_and_changes_nothing(priced: Store) -> None:
    state_prices(priced, DOUBLE.format(since="2026-01-01"))
    tried = again(priced, START, END, "", NOW, dry_run=True)
    assert priced.query(SPENT).rows == [(3 * A_CALL, 3, 1)]
    assert priced.query(TRAIL).rows == []
    assert again(priced, START, END, "", NOW, dry_run=False).changes == tried.changes


def test_only_the_span_is_priced_again(priced: Store) -> None:
    state_prices(priced, DOUBLE.format(since="2026-01-01"))
    again(priced, NOW - 4 * HOUR, END, "", NOW, dry_run=False)
    assert priced.query(SPENT).rows == [(A_CALL + 2 * DOUBLED, 3, 1)]
    collect(priced, of_a_team("red", 5))
    assert priced.query(SPENT).rows == [(2 * A_CALL + 2 * DOUBLED, 4, 1)]


def test_a_replay_after_re_pricing_changes_nothing(priced: Store) -> None:
    state_prices(priced, DOUBLE.format(since="2026-01-01"))
    again(priced, START, END, "", NOW, dry_run=False)
    before = priced.query(SPENT).rows
    collect(priced, of_a_team("late", 3))
    assert priced.query(SPENT).rows == [(before[0][0] + DOUBLED, before[0][1] + 1, 1)]


def test_a_team_has_its_contract_and_the_others_do_not(priced: Store) -> None:
    text = '[[price]]\nprovider = "openai"\nmodel = "*"\ncontext = "*"\nteam = "red"\ndiscount = 0.5\n'
    state_prices(priced, text, "contract")
    again(priced, START, END, "", NOW, dry_run=False)
    assert priced.query(SPENT).rows == [(2 * A_CALL / 2 + A_CALL, 3, 1)]


def test_an_account_has_its_contract_before_that_of_the_team(store: Store) -> None:
    collect(
        store,
        of_a_team("red", 3),
        of_a_team("red", 3, attributes={"account": "org-123"}),
        of_a_team("red", 3, attributes={"account": "another"}),
        of_a_team("blue", 3, attributes={"account": "org-123"}),
        of_a_team("blue", 3),
    )
    entry = '[[price]]\nprovider = "openai"\nmodel = "*"\ncontext = "*"\n'
    state_prices(
        store, f'{entry}team = "red"\ndiscount = 0.5\n{entry}account = "org-123"\ndiscount = 0.25\n', "contract"
    )
    again(store, START, END, "", NOW, dry_run=False)
    of_red, of_the_account = A_CALL / 2, A_CALL * 3 / 4
    assert store.query(SPENT).rows == [(2 * of_red + 2 * of_the_account + A_CALL, 5, 0)]


def test_an_account_contract_changes_no_call_before_it(store: Store) -> None:
    entry = '[[price]]\nprovider = "openai"\nmodel = "*"\ncontext = "*"\n'
    give_prices(store)
    state_prices(store, f'{entry}team = "red"\ndiscount = 0.5\n', "contract", NOW - 4 * HOUR)
    of_both = {"attributes": {"account": "org-123"}}
    collect(store, of_a_team("red", 2, **of_both), of_a_team("red", 1, **of_both))
    assert store.query(SPENT).rows == [(A_CALL, 2, 0)]
    state_prices(store, f'{entry}account = "org-123"\ndiscount = 0.25\n', "contract", NOW - 2 * HOUR + HOUR / 2)
    collect(store, of_a_team("red", 3, **of_both), of_a_team("red", 2, **of_both), of_a_team("red", 1, **of_both))
    assert store.query(SPENT).rows == [(3 * A_CALL / 2 + 2 * A_CALL * 3 / 4, 5, 0)]
    again(store, START, END, "", NOW, dry_run=False)
    assert store.query(SPENT).rows == [(5 * A_CALL * 3 / 4, 5, 0)]


def test_a_contract_that_is_stated_twice_is_one(priced: Store) -> None:
    text = '[[price]]\nprovider = "openai"\nmodel = "*"\ndiscount = 0.5\n'
    state_prices(priced, text, "contract")
    state_prices(priced, text, "contract")
    again(priced, START, END, "", NOW, dry_run=False)
    assert priced.query(SPENT).rows == [(3 * A_CALL / 2, 3, 1)]


def test_what_was_unpriced_gets_a_price_when_its_name_is_declared(priced: Store) -> None:
    own = DeclaredModel(name="nobody-*", is_model="llama-70b", of_provider="our servers")
    resolver = Resolver(Declared([own]))
    state_prices(
        priced,
        '[[price]]\nprovider = "our servers"\nmodel = "llama-70b"\nrates = { input_rate = 1, output_rate = 1 }\n',
    )
    tried = reprice(priced, resolver, START, END, "", NOW, dry_run=True)
    named = Named("openai", requested="nobody-knows")
    assert tried.renamed == [Renamed(named, 1, price_key("our servers", "llama-70b", ""))]
    assert priced.query(SPENT).rows == [(3 * A_CALL, 3, 1)]
    done = reprice(priced, resolver, START, END, "", NOW, dry_run=False)
    assert tried.changes == done.changes
    assert [(change.model, change.priced_before, change.priced_after) for change in done.changes] == [
        ("nobody-knows", 0, 1)
    ]
    assert priced.query(SPENT).rows == [(3 * A_CALL + done.changes[0].cost_after, 4, 0)]
    assert reprice(priced, resolver, START, END, "", NOW, dry_run=False)[1:] == ([], [], [], 0)


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (END, START, "before"),
        (START, END + timedelta(minutes=30), "whole hour"),
        (START, END + timedelta(days=2), "future"),
    ],
)
def test_a_span_that_cannot_be_priced_is_refused(priced: Store, start: datetime, end: datetime, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        again(priced, start, end, "", NOW, dry_run=False)


def test_without_a_price_book_there_is_nothing_to_price_with(store: Store) -> None:
    with pytest.raises(ValueError, match="migrate"):
        again(store, START, END, "", NOW, dry_run=False)


def test_a_late_statement_prices_only_what_comes_later(priced: Store) -> None:
    state_prices(priced, DOUBLE.format(since="2026-01-01"))
    collect(priced, a_call(team="red", started_at=NOW + timedelta(minutes=5)))
    assert priced.query(SPENT).rows == [(3 * A_CALL + DOUBLED, 4, 1)]
