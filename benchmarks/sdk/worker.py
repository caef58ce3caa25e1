"""One process of a pair: the same calls with the `openai` client, with a contender's instrumentation or without any.

worker.py CONTENDER hooked|bare PROVIDER SINK

Its first line of output says what switching on took. Then each line of input asks for one block of calls, or for
delivery of what waits, and is answered by one line. Only the standard library, openai and the contender are imported.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
from contenders import CONTENDERS

SHORT: Any = [{"role": "user", "content": "How do I top up my card?"}]
BIG: Any = [{"role": "user", "content": "How do I top up my card? " * 4_000}]


def resident_mb() -> float:
    """The memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def switch_on(contender: str, sink: str) -> tuple[Callable[[], object], dict[str, float]]:
    """What delivers everything, and what it took to import and start the contender when openai is there already."""
    memory, spent = resident_mb(), time.process_time_ns()
    flush = CONTENDERS[contender](sink)
    return flush, {"start_ms": (time.process_time_ns() - spent) / 1e6, "rss_mb": resident_mb() - memory}


def scenarios(client: openai.OpenAI) -> dict[str, Callable[[], object]]:
    """The calls by name."""

    def chat(messages: Any, **more: Any) -> Any:
        return client.chat.completions.create(model="gpt-4o", messages=messages, **more)

    return {
        "unary": lambda: chat(SHORT),
        "stream": lambda: list(chat(SHORT, stream=True)),
        "big_prompt": lambda: chat(BIG),
    }


def block(call: Callable[[], object], calls: int) -> dict[str, list[int]]:
    """CPU time of this thread and time on the wall, in nanoseconds, of each of so many calls."""
    cpu, wall = [], []
    for _ in range(calls):
        before_wall, before = time.perf_counter_ns(), time.thread_time_ns()
        call()
        cpu.append(time.thread_time_ns() - before)
        wall.append(time.perf_counter_ns() - before_wall)
    return {"cpu": cpu, "wall": wall}


def main(contender: str, side: str, provider: str, sink: str) -> None:
    client = openai.OpenAI(base_url=f"{provider}/v1", api_key="key", max_retries=0)
    calls = scenarios(client)
    flush, started = switch_on(contender if side == "hooked" else "null", sink)
    print(json.dumps(started), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["scenario"] == "delivery":
            flush()
            answer: dict[str, Any] = {"process": time.process_time_ns()}
        else:
            answer = block(calls[asked["scenario"]], asked["calls"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
