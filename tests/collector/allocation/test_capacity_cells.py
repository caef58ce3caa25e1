"""What an hour of flat capacity cost its calls stays what it was, however the list prices are split later."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from given_prices import state_prices_of_all_calls

from collector.allocation.allocate import allocate
from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from collector.price_book.resolve import Resolver
from collector.repricing.reprice import reprice
from store.connection import Store
from store.errors import QueryError
from store.sql import parse

HOUR = timedelta(hours=1)
MODEL = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\n'
MIDNIGHT = NOW.replace(hour=0)
HOURLY = Decimal("12.5")
SIZES = (1000, 3000, 5000)
Grid = tuple[Sequence[int], Sequence[int]]
"""Numbers of tokens, and hours of the day, at which the list prices change."""
FINER_AND_COARSER: Sequence[Grid] = (([], []), ([2000], [6]), ([4000], []), ([], [3, 9]))
OF_CALLS = parse(
    "of_calls",
    "-- One row = a call.\nSELECT toStartOfHour(started_at) AS hour, team, cost_status, cost FROM priced_calls WHERE host = {host:String} ORDER BY hour, team",
)
OF_MINUTES = parse(
    "of_minutes",
    "-- One row = a team and an hour.\nSELECT toStartOfHour(minute) AS hour, team, sum(cost) FROM call_minutes FINAL WHERE app = {app:String} GROUP BY hour, team ORDER BY hour, team",
)
WORKED_OUT = parse(
    "worked_out",
    "-- One row = a resource.\nSELECT resource, count() FROM capacity_hours FINAL GROUP BY resource ORDER BY resource",
)


def span(name: str, start: str, end: str) -> str:
    """The bounds of a cell as lines of a price file; the last one has no end."""
    return f"{name}_from = {start}\n" + (f"{name}_to = {end}\n" if end else "")


def cells(grid: Grid) -> str:
    """Prices that all differ, one for each cell of a grid."""
    sizes = itertools.pairwise(["0", *map(str, grid[0]), ""])
    hours = itertools.pairwise(["00:00:00", *(f"{hour:02}:00:00" for hour in grid[1]), ""])
    found = [span("input", *size) + span("day", *hour) for size, hour in itertools.product(sizes, list(hours))]
    return "".join(
        f"{MODEL}{where}rates = {{ input_rate = {rate}, output_rate = {2 * rate} }}\n"
        for rate, where in enumerate(found, start=1)
    )


def served(host: str, at: datetime, sizes: Sequence[int] = SIZES) -> list:
    told = {"host": host, "app": host, "started_at": at + timedelta(minutes=7), "output_tokens": 10}
    return [a_call(team=f"team-{size}", input_tokens=size, cache_read_tokens=0, **told) for size in sizes]


def of_calls(store: Store, host: str) -> dict[tuple[datetime, str], tuple[str, Decimal | None]]:
    return {(hour, team): tuple(told) for hour, team, *told in store.query(OF_CALLS, {"host": host}).rows}


@pytest.mark.parametrize("is_sold", [False, True])
def test_splits_of_the_list_prices_leave_the_hours_before_alone(store: Store, is_sold: bool) -> None:
    """A law: an hour's calls bear the same before and after any other hour is worked out, call by call and added up."""
    host, name = "flat.example", "flat"
    resource = CapacityConfig(kind="ptu", hourly=HOURLY, host=host, valid_from=MIDNIGHT.date())
    if is_sold:
        resource = resource.model_copy(update={"tokens_per_hour": 20_000})
    borne: dict[tuple[datetime, str], tuple[str, Decimal | None]] = {}
    for index, grid in enumerate(FINER_AND_COARSER):
        hour = MIDNIGHT + (2 + 3 * index) * HOUR
        state_prices_of_all_calls(store, cells(grid))
        collect(store, *served(host, hour), capacity={name: resource}, now=hour + HOUR)
        allocate_capacity(store, name, resource, hour + HOUR + timedelta(minutes=15))
        found = of_calls(store, host)
        assert {key: found[key] for key in borne} == borne
        new = [found[key] for key in found.keys() - borne.keys()]
        assert [status for status, _ in new] == ["flat"] * len(SIZES)
        part = HOURLY * sum(SIZES, 30) / 20_000 if is_sold else HOURLY
        assert sum(cost for _, cost in new) == pytest.approx(part, rel=Decimal("1e-5"))
        borne = found
    reprice(store, Resolver(), MIDNIGHT, NOW, "again", NOW, dry_run=False)
    assert of_calls(store, host) == borne
    added_up = {(hour, team): cost for hour, team, cost in store.query(OF_MINUTES, {"app": host}).rows}
    assert added_up == {key: cost for key, (_, cost) in borne.items()}


def test_a_call_that_comes_after_its_hour_has_the_price_of_its_size(store: Store) -> None:
    resource = CapacityConfig(kind="ptu", hourly=HOURLY, host="late.example", valid_from=MIDNIGHT.date())
    ours = {"late": resource}
    state_prices_of_all_calls(store, cells(([], [])))
    collect(store, *served("late.example", MIDNIGHT, [1000]), capacity=ours, now=MIDNIGHT + HOUR)
    allocate_capacity(store, "late", resource, MIDNIGHT + HOUR + timedelta(minutes=15))
    state_prices_of_all_calls(store, cells(([2000], [])))
    collect(store, *served("late.example", MIDNIGHT + HOUR, [1000]), capacity=ours, now=MIDNIGHT + 2 * HOUR)
    allocate_capacity(store, "late", resource, MIDNIGHT + 2 * HOUR + timedelta(minutes=15))
    collect(store, *served("late.example", MIDNIGHT, [3000]), capacity=ours, now=NOW)
    (small, big) = (of_calls(store, "late.example")[MIDNIGHT, f"team-{size}"] for size in (1000, 3000))
    assert (small[0], big[0]) == ("flat", "flat")
    assert big[1] / small[1] == pytest.approx(Decimal(3020) / Decimal(1020), rel=Decimal("1e-3"))


def test_a_list_price_that_changes_within_an_hour_weighs_as_it_is_charged(store: Store) -> None:
    resource = CapacityConfig(kind="ptu", hourly=HOURLY, host="half.example", valid_from=MIDNIGHT.date())
    half_past = MIDNIGHT + timedelta(minutes=30)
    spans = (f"valid_to = {half_past:%Y-%m-%dT%H:%M:%SZ}\n", f"valid_from = {half_past:%Y-%m-%dT%H:%M:%SZ}\n")
    rates = [f"rates = {{ input_rate = {rate}, output_rate = 0 }}\n" for rate in (10, 1)]
    state_prices_of_all_calls(store, "".join(f"{MODEL}{part}{rate}" for part, rate in zip(spans, rates, strict=True)))
    calls = [*served("half.example", MIDNIGHT, [1000]), *served("half.example", half_past, [5000])]
    collect(store, *calls, capacity={"half": resource}, now=MIDNIGHT + HOUR)
    allocate_capacity(store, "half", resource, MIDNIGHT + HOUR + timedelta(minutes=15))
    before, after = (of_calls(store, "half.example")[MIDNIGHT, f"team-{size}"][1] for size in (1000, 5000))
    assert before + after == pytest.approx(HOURLY, rel=Decimal("1e-5"))
    assert before / after == pytest.approx(2, rel=Decimal("1e-3"))


def test_sizes_that_changed_too_often_are_refused_and_stop_no_other_resource(store: Store) -> None:
    resource = CapacityConfig(kind="ptu", hourly=HOURLY, host="many.example", valid_from=MIDNIGHT.date())
    for hour, sizes in enumerate((range(100, 1000, 100), range(150, 1050, 100))):
        state_prices_of_all_calls(store, cells((sizes, [])))
        collect(store, *served("many.example", MIDNIGHT + hour * HOUR), capacity={"many": resource})
        now = MIDNIGHT + (hour + 1) * HOUR + timedelta(minutes=15)
        if not hour:
            allocate_capacity(store, "many", resource, now)
    other = resource.model_copy(update={"host": "other.example"})
    with pytest.raises(QueryError, match="more than 15 sizes"):
        allocate(store, {"many": resource, "other": other}, {}, now)
    assert store.query(WORKED_OUT).rows == [("many", 1), ("other", 2)]
