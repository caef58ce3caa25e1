"""What calls of flat capacity seem to cost until their hour is worked out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from tokentide.call import LLMCall

from collector.allocation import hours
from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from store.connection import Store
from store.sql import parse

HOUR = timedelta(hours=1)
LAST = NOW.replace(minute=0) - 2 * HOUR
WHEN = LAST + HOUR + timedelta(minutes=15)
RESOURCE = CapacityConfig(kind="gpu", hourly=Decimal("12.5"), host="flat.example", valid_from=LAST.date())
OURS = {"ours": RESOURCE}
COSTS = parse(
    "costs", "-- One row = a call.\nSELECT app, sum(cost) FROM priced_calls WHERE team != 'idle' GROUP BY app"
)
DONE = parse("done", "-- One row = one number.\nSELECT count() FROM capacity_hours FINAL")
A_LIST_PRICE = Decimal("1.25") + 10


def served(app: str, at: timedelta, tokens: int) -> LLMCall:
    counts = {"input_tokens": tokens, "cache_read_tokens": 0, "output_tokens": tokens}
    return a_call(app=app, host="flat.example", started_at=LAST + at, model_requested="gpt-5", **counts)


def costs(store: Store) -> dict[str, Decimal]:
    return dict(store.query(COSTS).rows)


@pytest.mark.parametrize(
    ("tokens", "tokens_per_hour", "price_of_a_million"),
    [
        (1, None, A_LIST_PRICE),  # not 12.5 dollars a token
        (5_000_000, None, Decimal("2.5")),
        (1, 1_000_000, 25),
    ],
)
def test_a_running_hour_has_the_price_of_the_last_one_but_a_quiet_hour_makes_none_dear(
    store: Store, tokens: int, tokens_per_hour: int | None, price_of_a_million: Decimal
) -> None:
    resource = RESOURCE.model_copy(update={"tokens_per_hour": tokens_per_hour})
    collect(store, served("last", HOUR / 2, tokens), capacity={"ours": resource})
    allocate_capacity(store, "ours", resource, WHEN)
    collect(store, served("running", HOUR * 3 / 2, 1_000_000), capacity={"ours": resource})
    assert costs(store)["running"] == pytest.approx(price_of_a_million, abs=Decimal("0.000003"))
    if tokens_per_hour is None:
        assert costs(store)["last"] == pytest.approx(Decimal("12.5"), abs=Decimal("0.000001") * tokens)
    allocate_capacity(store, "ours", resource, WHEN + HOUR)
    assert costs(store)["running"] == pytest.approx(Decimal("12.5"), abs=Decimal("0.000003"))


def test_an_hour_that_is_worked_out_again_leaves_those_after_it_as_they_are(store: Store) -> None:
    collect(store, served("first", HOUR / 2, 1_000_000), served("second", HOUR * 3 / 2, 2_000_000), capacity=OURS)
    allocate_capacity(store, "ours", RESOURCE, WHEN + HOUR)
    spent = costs(store)
    collect(store, served("late", HOUR / 2, 3_000_000), capacity=OURS, now=WHEN + 2 * HOUR)
    assert allocate_capacity(store, "ours", RESOURCE, WHEN + 2 * HOUR) == 2
    assert costs(store)["second"] == spent["second"]
    assert costs(store)["first"] == pytest.approx(spent["first"] / 4)


def test_what_is_worked_out_before_the_process_ends_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    long_declared = RESOURCE.model_copy(update={"valid_from": (LAST - timedelta(days=2)).date()})
    collect(store, served("last", HOUR / 2, 1_000_000), capacity={"ours": long_declared})
    hours_of_two_days = 2 * 24 + LAST.hour + 1

    class Ended(Exception):
        pass

    def ends_at_the_third(*arguments: Any) -> None:
        if store.query(DONE).scalar() >= 48:
            raise Ended
        book_hours(*arguments)

    book_hours = hours._book_hours
    monkeypatch.setattr(hours, "_book_hours", ends_at_the_third)
    with pytest.raises(Ended):
        allocate_capacity(store, "ours", long_declared, WHEN)
    monkeypatch.undo()
    assert allocate_capacity(store, "ours", long_declared, WHEN) == hours_of_two_days - 48
    assert store.query(DONE).scalar() == hours_of_two_days
