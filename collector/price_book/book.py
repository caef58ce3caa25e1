"""The price book in the store: what was said, and what holds. Everything is appended.

Every change is written in an order in which its last row makes it count, so that what a killed process left counts not.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from collector.price_book.cells import COLUMNS as EFFECTIVE
from collector.price_book.cells import EffectivePrice
from collector.price_book.effective import CostVersion, Statement, book_at, effective, update_at
from collector.price_book.overlay import joined
from collector.price_book.release import release_text
from collector.price_book.row import BEGINNING, COLUMNS, END, PriceRow, from_csv
from collector.rollup import RollUp
from store.connection import Store
from store.sql import load


@dataclass(frozen=True, slots=True)
class Update:
    """A change of the price book: which layer, where it comes from, why, and what it states."""

    layer: str
    name: str
    digest: str
    reason: str
    statements: Sequence[Statement]


class PriceBook:
    """The price book of one store, to be used for one change or question: its statements are read once for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._statements: list[Statement] | None = None
        self._worked_out: tuple[tuple[list[Statement], list[CostVersion]], list[EffectivePrice]] | None = None

    def statements(self) -> Sequence[Statement]:
        """All that was ever said, in order. Raises StoreError."""
        if self._statements is None:
            found = self._store.query(load("collector", "price_statements")).dicts()
            self._statements = [_statement(raw) for raw in found]
        return self._statements

    def versions(self) -> list[CostVersion]:
        """Every cost version, in order. Raises StoreError."""
        return [CostVersion(*row) for row in self._store.query(load("collector", "cost_versions")).rows]

    def digest(self, layer: str) -> str:
        """The digest of the last update of a layer; empty if there was none. Raises StoreError."""
        return str(self._store.query(load("collector", "price_update_digest"), {"layer": layer}).scalar())

    def newest_update(self) -> int:
        """The number of the last update, 0 where there is none. Raises StoreError."""
        return int(self._store.query(load("collector", "newest_price_update")).scalar())

    def record(self, update: Update, now: datetime) -> int:
        """Append an update and return its number; only a later cost version prices calls with it. Raises StoreError."""
        number = self._next_update()
        columns = ["update_number", "position", "layer", "team", *COLUMNS, "discount", "recorded_at"]
        rows = [
            (number, position, one.layer, one.team, *one.row, one.discount, now)
            for position, one in enumerate(update.statements)
        ]
        self._store.insert("price_statements", columns, rows)
        told = (number, update.layer, update.name, update.digest, len(rows), update.reason, now)
        names = ["number", "layer", "name", "digest", "statements", "reason", "recorded_at"]
        self._store.insert("price_updates", names, [told])
        if self._statements is not None:
            self._statements += _numbered(update.statements, number)
        return number

    def rows_of(self, price_key: int, at: datetime, payers: Sequence[str] = ()) -> list[PriceRow]:
        """The rows of a key by which calls that start at `at` are priced. Raises StoreError.

        They are what the contracts of `payers`, as in `Statement.team`, make of those of everyone: of a team, of an
        account, or of a team and over it of an account.
        """
        update = update_at(self.versions(), at)
        if update is None:
            return []
        said = [one for one in self.statements() if one.row.price_key == price_key or one.discount is not None]
        return [row for row in book_at(said, update, *payers) if row.price_key == price_key]

    def prepare(self, versions: Sequence[CostVersion]) -> list[EffectivePrice]:
        """Write what holds under the last of `versions`, which does not count yet. Raises StoreError."""
        prices = self._effective(self.statements(), versions)
        rows = [(versions[-1].number, *price) for price in prices]
        self._store.insert("effective_prices", ["cost_version", *EFFECTIVE], rows)
        return prices

    def reserve(self, update_number: int, calls_from: datetime, calls_to: datetime) -> CostVersion:
        """A cost version with a number that nobody else gets, in this process or another. Raises StoreError.

        It is written down as a price that never holds, of a key that is drawn by lot. Who then sees himself alone has
        the number, because whoever takes it later sees him. Who sees others leaves it to them and takes the next.
        """
        taker = secrets.randbits(64)
        while True:
            number = self._next_version()
            columns = ["cost_version", "price_key", "starts_at", "ends_at", "source"]
            self._store.insert("effective_prices", columns, [(number, taker, BEGINNING, BEGINNING, "reserved")])
            if self._store.query(load("collector", "cost_version_takers"), {"version": number}).rows == [(taker,)]:
                return CostVersion(number, update_number, calls_from, calls_to)

    def enact(self, version: CostVersion, kind: str, reason: str, now: datetime) -> None:
        """From now on `version`, which is prepared, is the newest one. Raises StoreError."""
        names = ["number", "update_number", "calls_from", "calls_to", "kind", "reason", "created_at"]
        told = (version.number, version.update_number, version.calls_from, version.calls_to, kind, reason, now)
        self._store.insert("cost_versions", names, [told])

    def check(self, new: Sequence[Statement], now: datetime) -> None:
        """Whether prices could be looked up if `new` were in force. Raises ValueError, StoreError."""
        known, number = self.versions(), self._next_update()
        version = CostVersion(self._next_version(), number, _start(known, now), END)
        self._effective([*self.statements(), *_numbered(new, number)], [*known, version])

    def put_in_force(self, reason: str, now: datetime) -> CostVersion:
        """Price calls from the next minute on with what the book says; the first one prices all calls.

        Later minutes that are rolled up already follow. Where someone else has changed prices in the meantime they are
        prepared again, with that in them. Raises StoreError.
        """
        while True:
            self._statements, known = None, self.versions()
            version = self.reserve(self.newest_update(), _start(known, now), END)
            self.prepare([*known, version])
            if self.versions() == known:
                break
        if known:  # were the store lost after it is enacted, the next start would have to know them
            self._store.execute(load("collector", "touch_minutes"), {"minutes": self._minutes_from(version.calls_from)})
        self.enact(version, "update" if known else "first", reason, now)
        if known:
            self._roll_up(self._minutes_from(version.calls_from))
        return version

    def _next_version(self) -> int:
        return int(self._store.query(load("collector", "next_cost_version")).scalar())

    def _next_update(self) -> int:
        return int(self._store.query(load("collector", "next_price_update")).scalar())

    def _effective(self, statements: Iterable[Statement], versions: Iterable[CostVersion]) -> list[EffectivePrice]:
        """What holds. It is kept: an update that was checked is put in force with the same."""
        asked = (list(statements), list(versions))
        if self._worked_out is None or self._worked_out[0] != asked:
            self._worked_out = (asked, effective(*asked))
        return self._worked_out[1]

    def _minutes_from(self, start: datetime) -> list[datetime]:
        """The minutes of calls that are dated ahead of the clock: nothing else rolls them up once more."""
        return [minute for (minute,) in self._store.query(load("collector", "minutes_of_calls"), {"start": start}).rows]

    def _roll_up(self, minutes: Sequence[datetime]) -> None:
        work = RollUp(self._store)
        work.touch(minutes)
        while work.rebuild():
            pass


def seed_prices(store: Store, now: datetime) -> int:
    """Bring the seed to what this release knows; returns how many rows that changed. Raises StoreError.

    What was recorded by a program that was killed before it put that in force comes into force as well.
    """
    text = release_text()
    digest = hashlib.sha256(text.encode()).hexdigest()
    book = PriceBook(store)
    reason, changed = "the price data of this release", []
    if book.digest("seed") != digest:
        known = _by_key(book_at((one for one in book.statements() if one.layer == "seed"), 2**32))
        wanted = _by_key(from_csv(text))
        changed = [row for key, rows in wanted.items() if rows != known.get(key) for row in rows]
        book.record(
            Update("seed", "prices.csv", digest, reason, [Statement(0, "seed", "", row) for row in changed]), now
        )
    stated = int(store.query(load("collector", "newest_stated_update")).scalar())
    if stated > max((version.update_number for version in book.versions()), default=0):
        book.put_in_force(reason, now)
    return len(changed)


def _start(versions: Sequence[CostVersion], now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1) if versions else BEGINNING


def _numbered(statements: Iterable[Statement], number: int) -> list[Statement]:
    return [replace(one, update_number=number) for one in statements]


def _by_key(rows: Iterable[PriceRow]) -> Mapping[int, list[PriceRow]]:
    found: dict[int, list[PriceRow]] = defaultdict(list)
    for row in joined(rows):
        found[row.price_key].append(row)
    return found


def _statement(raw: Mapping[str, Any]) -> Statement:
    said = {name: raw[name] for name in COLUMNS}
    # Earlier releases took times within a minute.
    said |= {name: said[name].replace(second=0) for name in ("valid_from", "valid_to")}
    said |= {name: said[name] // 60 * 60 for name in ("day_from", "day_to")}
    row = PriceRow(**said)
    return Statement(raw["update_number"], raw["layer"], raw["team"], row, raw["discount"])
