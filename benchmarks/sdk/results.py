"""From measured nanoseconds to the numbers that are reported. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

GOALS: Final = {
    "unary_us": 60.0,
    "chunk_us": 2.5,
    "big_prompt_us": 100.0,
    "p99_increase_us": 250.0,
    "import_ms": 10.0,
    "rss_mb": 2.0,
}
OURS: Final = "tokentide"
NULL: Final = "null"

Blocks = list[list[int]]


@dataclass(slots=True)
class Pair:
    """The blocks of one scenario, bare and hooked ones of a round at the same position; nanoseconds of each call."""

    bare: Blocks = field(default_factory=list)
    hooked: Blocks = field(default_factory=list)

    def bare_us(self) -> float:
        """The median of a call that is not hooked."""
        return statistics.median(chain(*self.bare)) / 1000

    def added_us(self) -> float:
        """The median over the rounds of what a hooked block's median is above its neighbour's."""
        medians = zip(map(statistics.median, self.hooked), map(statistics.median, self.bare), strict=True)
        return statistics.median(hooked - bare for hooked, bare in medians) / 1000

    def p99_increase_us(self) -> float:
        """How much higher the 99th percentile of all hooked calls is."""
        return (percentile(chain(*self.hooked), 99) - percentile(chain(*self.bare), 99)) / 1000


def percentile(values: Iterable[int], percent: int) -> int:
    """By nearest rank."""
    ranked = sorted(values)
    return ranked[-(-len(ranked) * percent // 100) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one contender costs: microseconds per call on the app's thread, if no other unit is named.

    `wall_p99_us` is the same increase on the wall clock; `process_us` is CPU time of all threads, delivery included.
    """

    unary_us: float
    p99_increase_us: float
    wall_p99_us: float
    process_us: float
    stream_us: float
    chunk_us: float
    big_prompt_us: float
    start_ms: float
    rss_mb: float


def cost(
    cpu: Mapping[str, Pair], wall: Pair, process_us: float, starts: Sequence[Mapping[str, float]], events: int
) -> Cost:
    """The numbers of one contender. `wall` belongs to the unary calls; a stream has so many `events`."""
    unary, stream = cpu["unary"].added_us(), cpu["stream"].added_us()
    return Cost(
        unary_us=unary,
        p99_increase_us=cpu["unary"].p99_increase_us(),
        wall_p99_us=wall.p99_increase_us(),
        process_us=process_us,
        stream_us=stream,
        chunk_us=(stream - unary) / events,
        big_prompt_us=cpu["big_prompt"].added_us(),
        start_ms=statistics.median(each["start_ms"] for each in starts),
        rss_mb=statistics.median(each["rss_mb"] for each in starts),
    )


def summary(costs: Mapping[str, Cost], import_ms: float) -> dict[str, object]:
    """The numbers that have goals, and the peers' cost of a unary call."""
    numbers = {name: getattr(costs[OURS], name, import_ms) for name in GOALS}
    peers = {name: round(each.unary_us, 1) for name, each in costs.items() if name not in (OURS, NULL)}
    return {**{name: round(number, 2) for name, number in numbers.items()}, "peers": peers}


def table(costs: Mapping[str, Cost], versions: Mapping[str, str]) -> str:
    """The comparison as Markdown."""
    head = (
        "| | one call: app's thread | its p99 | its p99 on the wall | all threads | one chunk of a stream |"
        " 100 KB prompt | start | memory |"
    )
    rows = [
        f"| {versions.get(name, name)} | {each.unary_us:+.0f} µs | {each.p99_increase_us:+.0f} µs"
        f" | {each.wall_p99_us:+.0f} µs | {each.process_us:+.0f} µs | {each.chunk_us:+.1f} µs"
        f" | {each.big_prompt_us:+.0f} µs | {each.start_ms:.0f} ms | {each.rss_mb:.1f} MB |"
        for name, each in costs.items()
    ]
    return "\n".join([head, "|---" * 9 + "|", *rows])
