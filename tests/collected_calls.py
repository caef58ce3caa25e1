"""Calls as they are after the collector has stored, priced and rolled them up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from collector_batches import batch_of
from conftest import NOW
from given_prices import give_prices
from tokentide.call import LLMCall

from collector.allocation.capacity import CapacityConfig
from collector.rollup import RollUp
from collector.write import Writer
from store.connection import Store


def collect(
    store: Store, *calls: LLMCall, capacity: Mapping[str, CapacityConfig] | None = None, now: datetime = NOW
) -> None:
    """Everything that the collector does with `calls`, which started within 400 days before `now`."""
    give_prices(store)
    batch = batch_of(*(call.to_json() for call in calls), days=400, capacity=capacity, now=now)
    Writer(store, "kafka", uuid4().hex, lambda seconds: False, lambda: 0.0).write(batch, now)
    roll_up = RollUp(store)
    roll_up.touch(batch.minutes)
    while roll_up.rebuild():
        pass
