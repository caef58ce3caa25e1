"""Changing the price book and pricing calls again, over HTTP or straight on a store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from collector.price_book.book import PriceBook, Update
from collector.price_book.effective import Statement
from collector.price_book.names import load_names
from collector.price_book.preview import RateChange, preview
from collector.price_book.price_file import parse_price_file
from collector.price_book.reach import new_names, refusals, warnings
from collector.price_book.resolve import UNKNOWN, Named, Resolver
from collector.price_book.stated import models_of, stated_models
from collector.price_book.suggest import suggest
from collector.repricing.reprice import reprice
from collector.rollup import roll_up_what_is_left
from server.config import Config
from server.duration import parse_duration
from server.instant import parse_instant
from server.json_routes import admin_route, read_route
from server.keeping import Clock
from server.price_lookup import routes as lookup_routes
from store.connection import Store
from store.sql import load

LAYERS: Final = ("override", "contract")
MOST_NAMES: Final = 1000


def updated(store: Store, config: Config, asked: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """Record the price file `{"text", "name", "layer", "reason", "allow_gaps"}`; it holds for new calls.

    `statements` is how many entries it has, `changes` which rates they change, `names` which names are understood only
    because of it, and `warnings` are sentences about what no call gets. With `dry_run` nothing is recorded. Raises
    ValueError, StoreError.
    """
    name, reason = (_text(asked, key) for key in ("name", "reason"))
    text, layer = asked.get("text"), asked.get("layer")
    if not isinstance(text, str):
        raise ValueError("text is missing: it is the price file, as a text")
    if layer not in LAYERS:
        raise ValueError(f"there is no layer {layer}: there are {', '.join(LAYERS)}")
    statements = parse_price_file(text, layer, name, bool(asked.get("allow_gaps")), config.prices.declared())
    book, now = PriceBook(store), clock()
    done = _previewed(book.statements(), statements, config, now)
    book.check(statements, now)
    if asked.get("dry_run"):
        return done
    digest = hashlib.sha256(text.encode()).hexdigest()
    number = book.record(Update(layer, name, digest, reason, statements), now)
    version = book.put_in_force(reason, now)
    return done | {
        "update": number,
        "cost_version": version.number,
        "calls_from": version.calls_from.isoformat(),
    }


def _previewed(
    known: Sequence[Statement], statements: Sequence[Statement], config: Config, now: datetime
) -> dict[str, Any]:
    """What statements would do. Raises ValueError for one that can never hold."""
    declared, names = config.prices.declared(), load_names()
    before = Resolver(declared, names, stated=models_of(known))
    after = Resolver(declared, names, stated=models_of([*known, *statements]))
    for refusal in refusals(statements, after, names):
        raise ValueError(refusal)
    return {
        "statements": len(statements),
        "changes": [_change(one) for one in preview(known, statements, now)],
        "names": [{"provider": one.provider, "model": one.model} for one in new_names(statements, before)],
        "warnings": warnings(known, statements, after, names),
    }


def repriced_by_command(store: Store, config: Config, asked: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """`repriced` for a process in which no collector runs: what one that was killed left is rolled up first.

    Once costs are rewritten nothing tells any more what that was. Raises ValueError, StoreError.
    """
    roll_up_what_is_left(store)
    return repriced(store, config, asked, clock)


def repriced(store: Store, config: Config, asked: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """Price calls again, `{"from", "to", "reason"}`; with `dry_run` only say what would change.

    Answers the number of the cost version, `changes` by month, team and model, the names that are `renamed`, understood
    otherwise than before, the `closed_months` that get corrections because of it, and how many `corrections` were
    booked (None with `dry_run`). Raises ValueError, StoreError.
    """
    start, end = (parse_instant(_text(asked, edge)) for edge in ("from", "to"))
    resolver, dry_run = _resolver(store, config), bool(asked.get("dry_run"))
    reason, capacity = _text(asked, "reason"), config.collector.capacity
    done = reprice(store, resolver, start, end, reason, clock(), dry_run, capacity)
    return {
        "cost_version": done.cost_version,
        "closed_months": [f"{month:%Y-%m}" for month in done.closed_months],
        "corrections": done.corrections,
        "changes": [
            {
                **change._asdict(),
                "month": f"{change.month:%Y-%m}",
                "cost_before": _money(change.cost_before),
                "cost_after": _money(change.cost_after),
            }
            for change in done.changes
        ],
        "renamed": [
            {**one.named._asdict(), "calls": one.calls, "has_price": one.price_key != 0} for one in done.renamed
        ],
    }


def unresolved(store: Store, config: Config, asked: Mapping[str, Any], clock: Clock) -> list[dict[str, Any]]:
    """The names without a price of their own of the time `last`, the most used first, each with what it may mean.

    `priced_as` is None where calls have no price, else the requested name by which those are priced that the name
    answered; `cost_share` is then their share of the known spend. Raises ValueError, StoreError.
    """
    end = clock()
    start, limit = end - parse_duration(str(asked.get("last") or "7d")), _limit(str(asked.get("limit") or "50"))
    span, resolver = {"start": start, "end": end}, _resolver(store, config)
    unpriced = store.query(load("collector", "unresolved"), {**span, "limit": limit}).dicts()
    answered = store.query(load("collector", "answered_names"), span).dicts()
    found = [row | {"priced_as": None, "cost": None, "cost_share": None} for row in unpriced]
    found += [_priced_as_requested(row) for row in answered if _is_priced_as_requested(row, resolver)]
    found = sorted(found, key=lambda row: -row["tokens"])[:limit]
    for row in found:
        named = Named(row["provider"], row["host"], row["name"], "", row["service_tier"])
        row["understood"] = resolver.resolve(named).model is not None
        guess = None if row["understood"] else suggest(load_names(), row["provider"], row["name"])
        row["suggestion"] = None if guess is None else {"of_provider": guess.provider, "is_model": guess.model}
    return found


def _is_priced_as_requested(row: Mapping[str, Any], resolver: Resolver) -> bool:
    """Whether the name that answered is none of the book, or was none when its calls arrived."""
    who, tier, has = (row["provider"], row["host"]), row["service_tier"], row["price_key"]
    own, requested = (resolver.key(*who, name, "", tier) for name in (row["name"], row["requested"]))
    return own != has and (own == UNKNOWN or requested == has)


def _priced_as_requested(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if name not in ("requested", "price_key")}
    return told | {"is_known": True, "priced_as": row["requested"], "cost": _money(row["cost"])}


def history(store: Store) -> list[dict[str, Any]]:
    """Every update of the price book and every cost version, the newest first. Raises StoreError."""
    return store.query(load("server", "price_history")).dicts()


def routes(store: Store, config: Config, clock: Clock) -> list[Route]:
    """`GET /api/prices/unresolved`, `…/history` and the lookups; `POST /api/admin/prices/update` and `…/reprice`."""

    def names(request: Request) -> dict[str, Any]:
        return {"names": unresolved(store, config, request.query_params, clock)}

    return [
        *lookup_routes(store, config, clock),
        read_route("/api/prices/unresolved", names),
        read_route("/api/prices/history", lambda request: {"rows": history(store)}),
        admin_route("/api/admin/prices/update", lambda asked: updated(store, config, asked, clock)),
        admin_route("/api/admin/prices/reprice", lambda asked: repriced(store, config, asked, clock)),
    ]


def _resolver(store: Store, config: Config) -> Resolver:
    return Resolver(config.prices.declared(), stated=stated_models(store))


def _change(one: RateChange) -> dict[str, Any]:
    return one._asdict() | {"at": one.at.isoformat(), "before": _money(one.before), "after": _money(one.after)}


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 9 and 1 <= int(text) <= MOST_NAMES):
        raise ValueError(f"limit is {text!r}: write a number of names from 1 to {MOST_NAMES:,}")
    return int(text)


def _text(asked: Mapping[str, Any], key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is missing: it is a text")
    return value


def _money(cost: Any) -> str | None:
    return None if cost is None else f"{cost:f}"
