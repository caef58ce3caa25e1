"""What waits in memory: the newest ones, within both limits, and the numbers tell how many there were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tokentide.backlog import Backlog


def taken(backlog: Backlog) -> list[int]:
    return [backlog.take()[0] for _ in range(len(backlog))]


def test_when_there_are_too_many_the_newest_are_kept_however_long_it_lasts() -> None:
    backlog = Backlog(10, 2_000)
    for number in range(1, 10_001):
        backlog.put(number, 100)
    assert taken(backlog) == list(range(9_991, 10_001))


def test_one_that_is_too_large_leaves_its_number() -> None:
    backlog = Backlog(10, 100)
    backlog.put("small", 60)
    backlog.put("large", 60)
    assert (taken(backlog), backlog.last_left_out()) == ([1], 2)


@given(st.lists(st.integers(0, 60) | st.none(), max_size=200))
def test_within_both_limits_and_accounted_for(sizes: list[int | None]) -> None:
    """Of each size one is put; None takes one."""
    backlog, numbers, sizes_of = Backlog(5, 100), 0, {}
    seen: set[int] = set()
    for size in sizes:
        if size is not None:
            numbers += 1
            sizes_of[numbers] = size
            backlog.put(numbers, size)
        elif len(backlog):
            number, attempt = backlog.take()
            assert number == attempt
            seen.add(number)
        held = [number for number, _, _ in backlog._items]
        assert len(held) <= 5
        assert sum(sizes_of[number] for number in held) <= 100
    seen.update(taken(backlog))
    assert max(max(seen, default=0), backlog.last_left_out()) == numbers
