from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from collector.brake import Brake
from collector.record import DeadLetter, Record

SECOND = timedelta(seconds=1)


def dead(count: int) -> list[DeadLetter]:
    return [
        DeadLetter(Record("calls/3", n, b"?"), "wrong_type", "Object missing required field `seq`")
        for n in range(count)
    ]


def carry(brake: Brake, records: int, bad: int, now: datetime = NOW) -> bool:
    """Whether the chunk passes; one that does is noted, as the pipeline does."""
    if brake.holds(records, dead(bad), now):
        return False
    brake.passed(records, bad, now)
    return True


def test_a_bad_deploy_is_held_with_its_first_large_chunk_and_named() -> None:
    brake = Brake(0.9, 1000)
    assert not carry(brake, 10_000, 9_500)
    assert brake.paused_reason == (
        "9500 of 10000 records cannot become rows, 9500 of them are wrong_type, such as calls/3 offset 0 at $.seq. "
        "They stay in the log and nothing is lost: correct what sends them or the setting, or start a collector that "
        "can read them; with collector.dead_letter_limit at 1 they become dead letters"
    )


def test_small_chunks_add_up() -> None:
    brake = Brake(0.9, 1000)
    passed = [carry(brake, 100, 100, NOW + n * SECOND) for n in range(12)]
    assert passed == [True] * 9 + [False] * 3


def test_good_records_of_before_do_not_delay_it() -> None:
    brake = Brake(0.9, 1000)
    assert all(carry(brake, 5_000, 0, NOW + n * SECOND) for n in range(20))
    assert not carry(brake, 1_000, 1_000, NOW + 21 * SECOND)


def test_a_chunk_that_is_good_itself_passes_whatever_came_before() -> None:
    brake = Brake(0.9, 1000)
    assert carry(brake, 999, 999)
    assert carry(brake, 100, 10, NOW + SECOND)


def test_one_bad_record_an_hour_never_trips_it() -> None:
    brake = Brake(0.9, 1000)
    assert all(carry(brake, 1, 1, NOW + n * timedelta(hours=1)) for n in range(3_000))


def test_it_holds_the_same_chunk_for_as_long_as_that_is_bad() -> None:
    brake = Brake(0.9, 1000)
    assert carry(brake, 990, 990)
    assert [carry(brake, 20, 20, NOW + n * timedelta(hours=1)) for n in range(5)] == [False] * 5
    assert carry(brake, 20, 0, NOW + timedelta(hours=6))
    assert brake.paused_reason == ""


def test_the_limit_of_one_is_the_operators_override() -> None:
    assert carry(Brake(1.0, 1), 10_000, 10_000)


@pytest.mark.parametrize(("limit", "records"), [(0.9, 0), (0.9, 1), (1.0, 1)])
def test_it_remembers_no_more_chunks_than_can_decide(limit: float, records: int) -> None:
    brake = Brake(limit, 1000)
    tracemalloc.start()
    try:
        for n in range(20_000):
            brake.passed(records, 0, NOW + n * SECOND)
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


def test_chunks_without_records_change_nothing_but_the_pause() -> None:
    brake = Brake(0.9, 1000)
    assert carry(brake, 990, 990)
    assert not carry(brake, 20, 20)
    brake.passed(0, 0, NOW)
    assert brake.paused_reason == ""
    assert not carry(brake, 20, 20)


def test_the_wait_doubles_up_to_a_minute() -> None:
    brake = Brake(0.9, first_wait_s=5)
    assert [brake.wait_s(n) for n in (1, 2, 3, 4, 5, 10_000)] == [5, 10, 20, 40, 60, 60]


CHUNKS = st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1)), min_size=1, max_size=60)


@given(CHUNKS, st.sampled_from([0.5, 0.9]))
def test_no_more_than_the_least_and_one_chunk_becomes_dead_letters_in_a_row(
    chunks: list[tuple[int, float]], limit: float
) -> None:
    """A chunk is never held on fewer records than `least`, and a run of bad chunks never grows past them."""
    least, brake, run = 100, Brake(limit, 100), 0
    for records, share in chunks:
        bad = round(records * share)
        passed = carry(brake, records, bad)
        if bad < limit * records:
            assert passed
            run = 0
        elif passed:
            run += records
            assert run < least
        else:
            assert brake.paused_reason
            return


@pytest.mark.parametrize("records", [1, 999])
def test_fewer_records_than_it_takes_never_trip_it(records: int) -> None:
    assert carry(Brake(0.9, 1000), records, records)
