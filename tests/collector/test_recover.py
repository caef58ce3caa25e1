"""What a collector that was killed has stored is rolled up, whoever rolls up next and whenever it starts again."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from collector_batches import batch_of
from conftest import NOW
from events import AT, a_call
from given_prices import give_prices
from prometheus_client import CollectorRegistry
from tokentide.call import LLMCall

from collector.rollup import RollUp
from collector.write import Writer
from server import programs
from server.config import Config
from server.dead_letters_command import open_desk
from server.prices import repriced_by_command
from store.connection import Store
from store.sql import parse

TOTALS = parse(
    "totals",
    "-- totals\nSELECT sum(attempts), (SELECT sum(attempts) FROM call_hours FINAL) FROM call_minutes FINAL",
)
JUST_BEFORE = """-- as if it had been stored when the roll-up had read the calls
INSERT INTO touched_minutes SELECT DISTINCT minute, version - INTERVAL 1 SECOND FROM call_minutes"""


@pytest.fixture(autouse=True)
def prices(store: Store) -> None:
    give_prices(store)


def put(store: Store, *calls: LLMCall) -> RollUp:
    """The roll-up of a collector that has stored `calls`."""
    batch = batch_of(*(call.to_json() for call in calls))
    Writer(store, "kafka", uuid4().hex, lambda s: False, lambda: 0.0).write(batch, NOW)
    roll_up = RollUp(store)
    roll_up.touch(batch.minutes)
    return roll_up


def killed_while_storing(store: Store, hours_ago: int) -> None:
    """A minute with two calls of which its newest roll-up has seen one, because its collector was killed then."""
    put(store, a_call()).rebuild()
    put(store, a_call(seq=2))
    for table in ("call_minutes", "call_hours"):
        store.execute(parse("then", f"-- x\nCREATE TABLE of_then ENGINE = Memory AS SELECT * FROM {table}"))
        store.execute(parse("emptied", f"-- x\nTRUNCATE TABLE {table}"))
        then = f"SELECT * REPLACE (version - INTERVAL {hours_ago} HOUR AS version) FROM of_then"
        store.execute(parse("older", f"-- x\nINSERT INTO {table} {then}"))
        store.execute(parse("dropped", "-- x\nDROP TABLE of_then"))
    store.execute(parse("emptied", "-- x\nTRUNCATE TABLE touched_minutes"))
    store.execute(parse("touched", JUST_BEFORE))


def totals(store: Store) -> tuple[Any, ...]:
    return store.query(TOTALS).rows[0]


def stopped() -> threading.Event:
    stop = threading.Event()
    stop.set()
    return stop


def config_of(store: Store, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(programs, "check_free", lambda dsn: None)  # the engine of the tests holds the folder
    return Config(store={"dsn": store.dsn, "database": store.database})


def test_collectors_that_go_on_make_up_for_one_that_was_killed(store: Store) -> None:
    stop, rounds = threading.Event(), iter(range(20))

    def after_a_round() -> bool:
        number = next(rounds, None)
        if number == 0:
            killed_while_storing(store, hours_ago=0)
        elif number is None or totals(store) == (2, 2):
            stop.set()
        return False

    RollUp(store).run(stop, 0.001, after_a_round, look_every_s=0.0)
    assert totals(store) == (2, 2)


def test_what_a_collector_left_is_known_before_its_other_parts_roll_up(store: Store) -> None:
    killed_while_storing(store, hours_ago=4)
    restarted = programs.collector(Config(), store, CollectorRegistry())
    put(store, a_call(started_at=AT - timedelta(hours=1))).rebuild()  # as the allocation of costs may do at once
    restarted.loops["roll-up"](stopped())
    assert totals(store) == (3, 3)


def test_a_command_that_replays_dead_letters_rolls_up_what_a_killed_collector_left(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_while_storing(store, hours_ago=4)
    with open_desk(config_of(store, monkeypatch), None, writes=True):
        pass
    assert totals(store) == (2, 2)


def test_a_command_that_prices_calls_again_rolls_up_what_a_killed_collector_left(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_while_storing(store, hours_ago=4)
    hour = AT.replace(minute=0, second=0, microsecond=0)
    asked = {"from": hour.isoformat(), "to": (hour + timedelta(hours=1)).isoformat(), "reason": "again"}
    repriced_by_command(store, config_of(store, monkeypatch), asked, lambda: NOW)
    assert totals(store) == (2, 2)
