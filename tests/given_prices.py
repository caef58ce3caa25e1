"""Prices in the store of a test: the price book of this release, copied because that is ten times as fast, and others."""

from __future__ import annotations

from datetime import datetime

from conftest import NOW

from collector.price_book.book import PriceBook, Update
from collector.price_book.price_file import parse_price_file
from collector.price_book.row import BEGINNING, END
from store.connection import Store
from store.sql import Query

COUNT = Query("count", "", "SELECT count() FROM price_updates", {})


def give_prices(store: Store) -> None:
    """Let the store know what the database `migrated` of the same engine knows since `conftest.NOW`."""
    if not store.query(COUNT).scalar():
        for table in ("price_updates", "price_statements", "cost_versions", "effective_prices"):
            store.execute(Query("copy", "", f"INSERT INTO {table} SELECT * FROM migrated.{table}", {}))


def state_prices(store: Store, text: str, layer: str = "override", at: datetime = NOW) -> None:
    """What a price file says, in the book and in force for calls from the minute after `at` on."""
    book = PriceBook(store)
    _recorded(book, text, layer, at)
    book.put_in_force("ours", at)


def state_prices_of_all_calls(store: Store, text: str, layer: str = "override") -> None:
    """What a price file says, in force for calls of all times, beside the price book of this release."""
    give_prices(store)
    book = PriceBook(store)
    version = book.reserve(_recorded(book, text, layer, NOW), BEGINNING, END)
    book.prepare([*book.versions(), version])
    book.enact(version, "reprice", "ours", NOW)


def _recorded(book: PriceBook, text: str, layer: str, at: datetime) -> int:
    return book.record(Update(layer, "ours", "0" * 64, "ours", parse_price_file(text, layer, "ours")), at)
