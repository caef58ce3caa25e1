"""The work of the demo's apps: visitors with a question, at a steady pace, until told to stop.

What an app is told comes through its standard input: a line means no more calls, the end means leave. So an app stays
while its last events are on their way, as a service would, and leaves when the demo itself is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import random
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

AT_ONCE: Final = 16
"""Visits that an app serves at the same time; further ones come when there is a place."""

_USERS: Final = 40
_UNASKED: Final = 28

Failures = type[Exception] | tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visitor's question. `number` counts the visits of this app from 0."""

    number: int
    question: str
    session: str
    user: str
    asks_for_usage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What an app is to do: `calls` visits (None: no end), `rate` a second; from `new_topic_at` on about gardening.

    A `careless` app does not ask every stream what it used.
    """

    name: str
    rate: float
    seed: int
    calls: int | None = None
    new_topic_at: int | None = None
    careless: bool = False

    def arguments(self) -> list[str]:
        """These orders as the arguments of an app."""
        options = {"name": self.name, "rate": self.rate, "seed": self.seed}
        options |= {"calls": self.calls} if self.calls is not None else {}
        options |= {"new-topic-at": self.new_topic_at} if self.new_topic_at is not None else {}
        return [f"--{option}={value}" for option, value in options.items()] + ["--careless"] * self.careless

    def visit(self, number: int) -> Visit:
        """Which visit comes as number `number`."""
        is_new = self.new_topic_at is not None and number >= self.new_topic_at
        texts = _shuffled("other_topic" if is_new else "questions", self)
        return Visit(
            number=number,
            question=texts[number % len(texts)],
            session=f"{self.name}-{self.seed}-{number}",
            user=f"customer {number % _USERS}",
            asks_for_usage=not self.careless or number % _UNASKED != 6,
        )


class Signals:
    """What the demo has said so far through this app's standard input."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.leave = threading.Event()
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def _listen(self) -> None:
        sys.stdin.readline()
        self.stop.set()
        sys.stdin.read()
        self.leave.set()


class Tally:
    """How many visits were served, and how many of them ended in one of the `failures`."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._lock = threading.Lock()
        self._operations = self._failed = 0

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Count what happens inside as one visit."""
        served = False
        with suppress(*(self._failures if isinstance(self._failures, tuple) else (self._failures,))):
            yield
            served = True
        with self._lock:
            self._operations += 1
            self._failed += not served

    def tell(self) -> None:
        """Write the counts to standard output, as one line of JSON."""
        sys.stdout.write(json.dumps({"operations": self._operations, "failed": self._failed}) + "\n")
        sys.stdout.flush()


def serve(answer: Callable[[Visit], None], failures: Failures) -> None:
    """Serve every visit, several at once on threads; `failures` are what a visitor may have to live with."""
    orders, signals, tally = read_orders(), Signals(), Tally(failures)

    def one(visit: Visit) -> None:
        with tally.visit():
            answer(visit)

    under_way: set[Future[None]] = set()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for visit in paced(orders, signals.stop):
            under_way.add(pool.submit(one, visit))
            is_full = len(under_way) == AT_ONCE
            done, under_way = wait(under_way, None if is_full else 0, FIRST_COMPLETED)
            for each in done:
                each.result()
    for each in under_way:
        each.result()
    tally.tell()
    signals.leave.wait()


def serve_async(answer: Callable[[Visit], Awaitable[None]], failures: Failures) -> None:
    """As `serve`, in an event loop."""
    orders, signals, tally = read_orders(), Signals(), Tally(failures)

    async def one(visit: Visit) -> None:
        with tally.visit():
            await answer(visit)

    async def everyone() -> None:
        visits, places = paced(orders, signals.stop), asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while visit := await asyncio.to_thread(next, visits, None):
                await places.acquire()
                group.create_task(one(visit)).add_done_callback(lambda _: places.release())

    asyncio.run(everyone())
    tally.tell()
    signals.leave.wait()


def paced(orders: Orders, stop: threading.Event) -> Iterator[Visit]:
    """The visits, each when its time has come."""
    started = time.monotonic()
    number = 0
    while orders.calls is None or number < orders.calls:
        if stop.wait(max(0.0, started + number / orders.rate - time.monotonic())):
            return
        yield orders.visit(number)
        number += 1


def read_orders() -> Orders:
    """The orders in this process's arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--new-topic-at", type=int)
    parser.add_argument("--careless", action="store_true")
    return Orders(**vars(parser.parse_args()))


@cache
def _shuffled(topic: str, orders: Orders) -> list[str]:
    texts = _texts(topic)
    return random.Random(f"{orders.seed}/{orders.name}").sample(texts, len(texts))


def _texts(topic: str) -> list[str]:
    folder = resources.files("server.demo")
    if topic == "questions":
        return [row["text"] for row in csv.DictReader(folder.joinpath("questions.csv").read_text("utf-8").splitlines())]
    return folder.joinpath("other_topic.txt").read_text("utf-8").splitlines()
