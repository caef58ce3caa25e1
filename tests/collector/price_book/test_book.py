"""An update of the price book in force: which calls have its prices, also where the clock of their app is ahead."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import give_prices, state_prices

from collector.price_book import book
from collector.price_book.book import PriceBook, Update
from collector.price_book.price_file import parse_price_file
from collector.price_book.resolve import Resolver
from collector.price_book.row import BEGINNING, END
from collector.repricing.reprice import reprice
from collector.rollup import RollUp
from store.connection import Store
from store.errors import StoreError
from store.sql import parse

MINUTE = timedelta(minutes=1)
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
A_CALL = Decimal("0.001013")
DOUBLE = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nrates = { input_rate = 2.5, cache_read_rate = 0.25, output_rate = 20 }'


@pytest.mark.parametrize("table", ["call_minutes", "call_hours"])
def test_calls_that_were_rolled_up_ahead_of_the_clock_get_the_price_of_their_time(store: Store, table: str) -> None:
    collect(store, a_call(started_at=NOW), a_call(started_at=NOW + MINUTE), a_call(started_at=NOW + 9 * MINUTE))
    spent = parse("spent", f"-- One row = all.\nSELECT sum(cost) FROM {table} FINAL")
    assert store.query(spent).scalar() == 3 * A_CALL
    state_prices(store, DOUBLE)
    assert store.query(spent).scalar() == 5 * A_CALL
    assert store.query(parse("calls", "-- One row = all.\nSELECT sum(cost) FROM priced_calls")).scalar() == 5 * A_CALL


def test_calls_ahead_of_the_clock_get_it_at_the_next_start_where_the_store_went_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: RollUp) -> int:
        raise StoreError("gone")

    collect(store, a_call(started_at=NOW), a_call(started_at=NOW + MINUTE))
    with monkeypatch.context() as broken:
        broken.setattr(RollUp, "rebuild", gone)
        with pytest.raises(StoreError, match="gone"):
            state_prices(store, DOUBLE)
    restarted = RollUp(store)
    restarted.recover(timedelta())
    while restarted.rebuild():
        pass
    spent = parse("spent", "-- One row = all.\nSELECT sum(cost) FROM call_minutes FINAL")
    assert store.query(spent).scalar() == 3 * A_CALL


def test_what_holds_is_worked_out_once_where_an_update_is_checked_and_put_in_force(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_prices(store)
    asked, effective = [], book.effective

    def counted(statements: Any, versions: Any) -> Any:
        asked.append(versions[-1])
        return effective(statements, versions)

    monkeypatch.setattr(book, "effective", counted)
    changed, stated = PriceBook(store), parse_price_file(DOUBLE, "override", "ours")
    changed.check(stated, NOW)
    changed.record(Update("override", "ours", "0" * 64, "ours", stated), NOW)
    assert asked == [changed.put_in_force("ours", NOW)]
    changed.put_in_force("again", NOW + MINUTE)
    assert len(asked) == 2


def test_a_dry_run_that_takes_its_number_at_the_same_time_drops_no_prices_of_an_update(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(store, a_call(started_at=NOW))
    ours, stated = PriceBook(store), parse_price_file(DOUBLE, "override", "ours")
    number = ours.record(Update("override", "ours", "0" * 64, "ours", stated), NOW)
    insert, versions = store.insert, ours.versions()

    def meanwhile(table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        if table == "effective_prices":
            monkeypatch.setattr(store, "insert", insert)
            versions.append(ours.reserve(number, BEGINNING, END))
            ours.prepare(versions)
        insert(table, columns, rows)

    monkeypatch.setattr(store, "insert", meanwhile)
    reprice(store, Resolver(), HOUR - 60 * MINUTE, HOUR, "", NOW, dry_run=True)
    ours.enact(versions[-1], "update", "ours", NOW)
    assert store.query(parse("calls", "-- One row = all.\nSELECT sum(cost) FROM priced_calls")).scalar() == 2 * A_CALL


def test_an_update_keeps_the_prices_of_calls_that_were_priced_again_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(store, a_call(started_at=HOUR - MINUTE))
    ours, stated = PriceBook(store), parse_price_file(DOUBLE, "override", "ours")
    ours.record(Update("override", "ours", "0" * 64, "ours", stated), NOW)
    insert = store.insert

    def meanwhile(*told: Any) -> None:
        monkeypatch.setattr(store, "insert", insert)
        reprice(store, Resolver(), HOUR - 60 * MINUTE, HOUR, "ours", NOW, dry_run=False)
        insert(*told)

    monkeypatch.setattr(store, "insert", meanwhile)
    ours.put_in_force("ours", NOW)
    assert store.query(parse("calls", "-- One row = all.\nSELECT sum(cost) FROM priced_calls")).scalar() == 2 * A_CALL


def test_a_first_start_that_is_killed_before_its_prices_are_in_force_is_made_good(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(PriceBook, "put_in_force", lambda *told: sys.exit())
        with pytest.raises(SystemExit):
            book.seed_prices(store, NOW)
    book.seed_prices(store, NOW)
    book.seed_prices(store, NOW + MINUTE)
    assert [version.number for version in PriceBook(store).versions()] == [1]
    collect(store, a_call(started_at=NOW))
    assert store.query(parse("calls", "-- One row = all.\nSELECT sum(cost) FROM priced_calls")).scalar() == A_CALL
