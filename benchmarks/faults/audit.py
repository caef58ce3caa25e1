"""Compares what is in the store after a run with what its apps emitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from traffic import Total, Traffic

from store.connection import Store
from store.sql import parse

# Each of these holds the calls of the run, so each must have the same sums.
COPIES: Final = {
    "priced_calls": parse(
        "facts",
        "-- One row = one team's calls by the facts.\n"
        "SELECT team, count(), sum(input_tokens), sum(output_tokens), sum(cost) FROM priced_calls GROUP BY team",
    ),
    "call_minutes": parse(
        "minutes",
        "-- One row = one team's calls by the roll-up of minutes.\n"
        "SELECT team, sum(attempts), sum(input_tokens), sum(output_tokens), sum(cost) FROM call_minutes FINAL GROUP BY team",
    ),
    "call_hours": parse(
        "hours",
        "-- One row = one team's calls by the roll-up of hours.\n"
        "SELECT team, sum(attempts), sum(input_tokens), sum(output_tokens), sum(cost) FROM call_hours FINAL GROUP BY team",
    ),
}
IDENTITIES: Final = parse(
    "identities",
    "-- One row = how many calls and texts are stored, and how many different ones.\n"
    "SELECT (SELECT count() FROM llm_calls FINAL), (SELECT uniqExact(call_id) FROM llm_calls),"
    " (SELECT count() FROM llm_texts FINAL), (SELECT uniqExact(call_id) FROM llm_texts)",
)
DELIVERED: Final = parse("delivered", "-- One row = how many calls arrived.\nSELECT sum(delivered) FROM deliveries")
DEAD: Final = parse(
    "dead", "-- One row = one reason.\nSELECT reason, count() FROM dead_letters FINAL GROUP BY reason ORDER BY reason"
)
LEDGER: Final = parse(
    "ledger",
    "-- One row = one producer.\n"
    "SELECT producer_id, emitted, stored, dead_letters, missing, closed FROM producer_ledger ORDER BY producer_id",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """`wrong` says in words what differs; a run without a fault of ours has nothing there, and no missing or duplicate."""

    emitted: int
    stored: int
    dead_letters: int
    missing: int
    duplicates: int
    repeated: int
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not (self.wrong or self.missing or self.duplicates)


def audit(store: Store, traffic: Traffic) -> Findings:
    """What is stored of `traffic`, by the facts, both roll-ups and the ledger. Raises StoreError."""
    calls, different, texts, different_texts = store.query(IDENTITIES).rows[0]
    found = {name: _totals(store.query(query).rows) for name, query in COPIES.items()}
    dead = dict(store.query(DEAD).rows)
    ledger = {row["producer_id"]: row for row in store.query(LEDGER).dicts()}
    wrong = [*_sums(found, traffic.teams), *_accounts(ledger, traffic)]
    if dead != dict(traffic.planted):
        wrong.append(f"dead letters are {dead}, planted are {dict(traffic.planted)}")
    if texts != different_texts or different_texts != traffic.stored:
        wrong.append(f"{texts} texts of {different_texts} calls")
    counted = [sum(team.calls for team in teams.values()) for teams in found.values()]
    return Findings(
        emitted=sum(traffic.emitted.values()) + traffic.planted["malformed_json"],
        stored=different,
        dead_letters=sum(dead.values()),
        missing=max(traffic.stored - different, 0) + sum(row["missing"] for row in ledger.values()),
        duplicates=max(calls, *counted) - different,
        repeated=store.query(DELIVERED).scalar() - different,
        wrong=tuple(wrong),
    )


def _totals(rows: list[tuple[Any, ...]]) -> dict[str, Total]:
    return {team: Total(calls, tokens or 0, out or 0, cost or Decimal(0)) for team, calls, tokens, out, cost in rows}


def _sums(found: Mapping[str, Mapping[str, Total]], expected: Mapping[str, Total]) -> Iterator[str]:
    for name, teams in found.items():
        for team in sorted(teams.keys() | expected.keys()):
            if teams.get(team) != expected.get(team):
                yield f"{name}: {team} has {teams.get(team)}, emitted is {expected.get(team)}"


def _accounts(ledger: Mapping[str, Mapping[str, Any]], traffic: Traffic) -> Iterator[str]:
    for producer in sorted(ledger.keys() | traffic.emitted.keys()):
        row = ledger.get(producer)
        if row is None or row["emitted"] != traffic.emitted[producer] or not row["closed"]:
            yield f"the ledger says {row} of {producer}, which emitted {traffic.emitted[producer]}"
        elif row["stored"] + row["dead_letters"] != row["emitted"]:
            yield f"the ledger's account of {producer} does not add up: {row}"
