"""What instrumentations cost the app: tokentide and others, each in its own environment, in one run.

For each contender there are two processes, hooked and bare, which make the same calls in alternating blocks of 25, in
random order. What counts is the CPU time of the app's own thread; each block is compared with its neighbour, because a
busy machine drifts. Where a process has its memory makes it slower or faster than another for as long as it lives, by
more than a chunk costs: so there are several such pairs, one after the other, and what counts is the median over all.
Provider and sink are processes of their own, on another core if there is one.
The program prints a Markdown table and ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final
from urllib.request import urlopen

from contenders import CONTENDERS
from provider import EVENTS_OF_A_STREAM
from results import NULL, OURS, Cost, Pair, cost, summary, table

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
CALLS_IN_BLOCK: Final = 25
# How many rounds a pair makes, each of one hooked and one bare block.
FULL: Final = {"unary": 12, "stream": 5, "big_prompt": 4}
QUICK: Final = {"unary": 4, "stream": 2, "big_prompt": 2}
QUICK_PAIRS: Final = 2
PAIRS: Final = 5
# And of the null. What a chunk costs differs from pair to pair by 1 µs (one standard deviation), so it takes many.
PAIRS_OF_OURS: Final = 24
STARTS: Final = 3
IMPORTS: Final = 9
PRODUCTS: Final = {
    "langfuse": "langfuse",
    "opentelemetry": "opentelemetry-instrumentation-genai-openai",
    "openinference": "openinference-instrumentation-openai",
    "openllmetry": "opentelemetry-instrumentation-openai",
}
IMPORT: Final = "import time; before = time.process_time_ns(); import tokentide; print(time.process_time_ns() - before)"


def cores() -> tuple[set[int], set[int]]:
    """The core of the measured processes and the one of the others; the same where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, {others[-1] if others else first}


@contextmanager
def process(command: Sequence[object], core: set[int], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A process on one core, ended when the block is left."""
    running = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more
    )
    os.sched_setaffinity(running.pid, core)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def python(contender: str) -> Path:
    """The interpreter of a contender's environment."""
    return ROOT / ".venv-peers" / (OURS if contender == NULL else contender) / "bin" / "python"


class Worker:
    """One process of a pair, see worker.py."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        assert running.stdin is not None
        assert running.stdout is not None
        self._input: IO[str] = running.stdin
        self._output: IO[str] = running.stdout
        self.started: dict[str, float] = self._answer()

    def ask(self, scenario: str, calls: int = 0) -> dict[str, Any]:
        """What the process measured."""
        self._input.write(json.dumps({"scenario": scenario, "calls": calls}) + "\n")
        self._input.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._output.readline()
        if not line:
            raise SystemExit("a worker has ended: its error is printed above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def worker(contender: str, side: str, provider: str, sink: str) -> Iterator[Worker]:
    command = [python(contender), HERE / "worker.py", contender, side, provider, sink]
    paths = os.environ | {"PYTHONPATH": str(ROOT / "sdk")}
    with process(command, cores()[0], env=paths) as running:
        yield Worker(running)


@contextmanager
def service() -> Iterator[str]:
    """The address of a process that is provider or sink."""
    with process([sys.executable, HERE / "provider.py"], cores()[1]) as running:
        assert running.stdout is not None
        yield f"http://127.0.0.1:{int(running.stdout.readline())}"


def alternate(
    pair: Mapping[str, Worker], scenario: str, rounds: int, order: random.Random, cpu: Pair, wall: Pair
) -> None:
    """Adds CPU time and wall time of a scenario. The first block of each process only warms it up."""
    for each in pair.values():
        each.ask(scenario, CALLS_IN_BLOCK)
    for _ in range(rounds):
        for side in order.sample(list(pair), len(pair)):
            measured = pair[side].ask(scenario, CALLS_IN_BLOCK)
            getattr(cpu, side).append(measured["cpu"])
            getattr(wall, side).append(measured["wall"])


def start(contender: str, provider: str, sink: str) -> dict[str, float]:
    """What switching a contender on takes."""
    with worker(contender, "hooked", provider, sink) as started:
        return started.started


def measure(
    contender: str, provider: str, sink: str, rounds: Mapping[str, int], pairs: int, order: random.Random
) -> Cost:
    """One contender's numbers. Ends the program if nothing of a contender reaches the sink."""
    starts = [start(contender, provider, sink) for _ in range(STARTS)]
    exported_before = exported(sink)
    cpu, wall = ({scenario: Pair() for scenario in rounds} for _ in range(2))
    process_ns = {"bare": 0, "hooked": 0}
    for _ in range(pairs):
        with ExitStack() as stack:
            pair = {side: stack.enter_context(worker(contender, side, provider, sink)) for side in process_ns}
            for scenario, times in rounds.items():
                before = {side: each.ask("delivery")["process"] for side, each in pair.items()}
                alternate(pair, scenario, times, order, cpu[scenario], wall[scenario])
                for side, each in pair.items():
                    if scenario == "unary":
                        process_ns[side] += each.ask("delivery")["process"] - before[side]
    if contender != NULL and exported(sink) == exported_before:
        raise SystemExit(f"{contender} exported nothing: it does not record what is measured")
    calls = pairs * (rounds["unary"] + 1) * CALLS_IN_BLOCK
    process_us = (process_ns["hooked"] - process_ns["bare"]) / calls / 1000
    return cost(cpu, wall["unary"], process_us, starts, EVENTS_OF_A_STREAM)


def exported(sink: str) -> int:
    """How many bytes of exports have come."""
    with urlopen(sink) as answer:
        return int(json.load(answer)["exported_bytes"])


def import_ms() -> float:
    """CPU time of `import tokentide` in a bare interpreter."""
    paths = os.environ | {"PYTHONPATH": str(ROOT / "sdk")}
    command = [python(OURS), "-c", IMPORT]
    spent = [int(subprocess.run(command, env=paths, capture_output=True, check=True).stdout) for _ in range(IMPORTS)]
    return statistics.median(spent) / 1e6


def versions() -> dict[str, str]:
    """The peers with the versions that their requirement files pin."""
    found = {}
    for name, product in PRODUCTS.items():
        pinned = re.search(rf"^{product}==(\S+)", (HERE / "peers" / f"{name}.txt").read_text("utf-8"), re.MULTILINE)
        assert pinned is not None
        found[name] = f"{product} {pinned[1]}"
    return {**found, OURS: f"**{OURS}**", NULL: "nothing (the noise)"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look at the order of magnitude")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help="these contenders")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the blocks")
    asked = parser.parse_args()
    rounds = QUICK if asked.quick else FULL
    order, costs = random.Random(asked.seed), {}
    with service() as provider, service() as sink:
        for contender in dict.fromkeys([*asked.only, OURS]):
            pairs = QUICK_PAIRS if asked.quick else PAIRS_OF_OURS if contender in (OURS, NULL) else PAIRS
            print(f"measuring {contender} …", file=sys.stderr)
            costs[contender] = measure(contender, provider, sink, rounds, pairs, order)
    print(table(costs, versions()), end="\n\n")
    print(json.dumps(summary(costs, import_ms())))


if __name__ == "__main__":
    main()
