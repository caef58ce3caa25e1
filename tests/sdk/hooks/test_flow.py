"""What is kept of a stream as it passes: times, the first bytes and the last ones, however many there are."""

from __future__ import annotations

import itertools
from itertools import pairwise

import httpx2
import pytest
from hook_recorder import recording
from hypothesis import given
from hypothesis import strategies as st
from tokentide.hooks import attempt
from tokentide.hooks.attempt import TAIL_BYTES, Flow

LIMIT = 4 * TAIL_BYTES
MOST_CHUNKS = 20


class Clock:
    """Each reading is later by 1, and by `later` more where the app takes its time."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all flows, which keep the times of a few chunks only."""
    fake = Clock()
    monkeypatch.setattr(attempt, "clock", fake)
    monkeypatch.setattr(attempt, "MOST_PASSED", 3 * MOST_CHUNKS)
    return fake


# The size of a chunk, and for how long the app was busy with it before it asked for the next one.
STREAMS = st.lists(st.tuples(st.integers(0, TAIL_BYTES), st.integers(0, 1000)), max_size=3 * MOST_CHUNKS)


@given(stream=STREAMS)
def test_all_counts_and_times_are_known_however_long_it_is(stream: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        fake = Clock()
        patched.setattr(attempt, "clock", fake)
        patched.setattr(attempt, "MOST_PASSED", 3 * MOST_CHUNKS)
        flow, came, busy_for = Flow(LIMIT), [], 0
        for number, (size, busy) in enumerate(stream):
            flow.add(bytes([number]) * size)
            came.append(fake.now)
            fake.now += busy
            flow.resumed()
            busy_for += busy + 1
        assert flow.size == sum(size for size, _ in stream)
        assert flow.chunks == len(stream)
        assert flow.stamps == came[:MOST_CHUNKS]
        assert flow.blocked == busy_for


@given(stream=STREAMS)
def test_the_beginning_and_the_end_are_kept(stream: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(attempt, "MOST_PASSED", 3 * MOST_CHUNKS)
        flow = Flow(LIMIT)
        for number, (size, _) in enumerate(stream):
            flow.add(bytes([number]) * size)
    everything = b"".join(bytes([number]) * size for number, (size, _) in enumerate(stream))
    head, tail = b"".join(flow.head), b"".join(flow.tail)
    assert len(head) <= LIMIT
    assert everything.startswith(head)
    assert everything.endswith(tail)
    assert flow.cut == (len(head) + len(tail) < len(everything))
    assert not flow.cut or TAIL_BYTES <= len(tail) <= 2 * TAIL_BYTES


@pytest.mark.parametrize("before", [1, MOST_CHUNKS, 2 * MOST_CHUNKS])
def test_chunks_that_the_app_takes_without_a_pause_do_not_count_as_its_time(clock: Clock, before: int) -> None:
    flow = Flow(LIMIT)
    for _ in range(before):
        flow.add(b"chunk")
        clock.now += 100
    assert flow.blocked == 0
    assert flow.chunks == before


def test_what_the_app_asked_first_counts_when_it_asks_again(clock: Clock) -> None:
    flow = Flow(LIMIT)
    flow.add(b"chunk")
    flow.resumed()
    clock.now += 100  # that read was cancelled
    flow.resumed()
    flow.add(b"chunk")
    first, second = flow.stamps
    assert (flow.blocked, second - first) == (1, 102)


def test_times_are_in_order(clock: Clock) -> None:
    flow = Flow(LIMIT)
    for _ in range(2 * MOST_CHUNKS):
        flow.add(b"chunk")
        flow.resumed()
    assert all(one < other for one, other in pairwise(flow.stamps))
    assert len(flow.stamps) == MOST_CHUNKS


@pytest.mark.parametrize(("chunks", "size"), [(7, 100), (60, 1000), (5000, 1), (5000, 4)])
@pytest.mark.parametrize("left", [0, 3, 2])
def test_all_that_passed_is_counted_however_long_it_was_and_when_it_was_left(chunks: int, size: int, left: int) -> None:
    seen = chunks // left if left else chunks
    content = itertools.chain([b"data: {}\n\n".ljust(size)], itertools.repeat(b"\n" * size, chunks - 1))
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)
    )
    asked = ("POST", "http://api.openai.com/v1/chat/completions")
    with recording() as recorder, httpx2.Client(transport=transport) as client:
        with client.stream(*asked, json={"stream": True}) as response:
            passed = sum(map(len, itertools.islice(response.iter_raw(), seen)))
        call = recorder.call()
    assert (call.chunks, call.response_bytes) == (seen, passed)
