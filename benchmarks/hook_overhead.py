"""What the hook costs the app: CPU time of the app's own thread per call, with the hook over without it.

Blocks of calls with and without the hook alternate in random order, in one process with one client; the provider is
another process on the loopback address. The thread's CPU clock does not count waiting, other threads or other
processes. A busy machine drifts, so each block is compared with its neighbour: the result is the median of these
differences, in microseconds, printed as one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import openai
from tokentide.config import load
from tokentide.emitter import Emitter
from tokentide.hooks._engine import Engine
from tokentide.hooks._read import Reader
from tokentide.transports import open_transport

from server.demo.provider import running_provider

CALLS_IN_BLOCK = 25
STREAMS_IN_BLOCK = 5
CHUNKS = 50
EVENTS = CHUNKS + 3
MESSAGES: Any = [{"role": "user", "content": "How do I top up my card?"}]


def serve(pipe: Connection) -> None:
    with running_provider() as provider:
        pipe.send(provider.openai_url)
        pipe.recv()


@contextmanager
def provider_process() -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join(timeout=10)


def block_us(call: Callable[[], object], times: int) -> float:
    """The median of a block of calls, after a few that let the interpreter settle on what was just patched."""
    for _ in range(times // 5):
        call()
    spent = []
    for _ in range(times):
        before = time.thread_time_ns()
        call()
        spent.append((time.thread_time_ns() - before) / 1000)
    return statistics.median(spent)


def compare(call: Callable[[], object], engine: Engine, times: int, rounds: int) -> tuple[float, float]:
    """The median without the hook, and the median of what it adds, over `rounds` pairs of blocks of `times` calls."""
    bare, added = [], []
    order = random.Random(1)
    for _ in range(rounds):
        spent = {}
        for hooked in order.sample([False, True], 2):
            if hooked:
                engine.start()
            spent[hooked] = block_us(call, times)
            engine.stop()
        bare.append(spent[False])
        added.append(spent[True] - spent[False])
    return statistics.median(bare), statistics.median(added)


def measure(url: str, content: str, calls: int, streams: int) -> dict[str, object]:
    settings = load(transport="memory", content=content)
    emitter = Emitter(settings, open_transport(settings), Reader(settings, lambda: None))
    engine = Engine(emitter, captures=settings.captures)
    with openai.OpenAI(base_url=url, api_key="key") as client:

        def unary() -> object:
            return client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

        def stream() -> object:
            return list(client.chat.completions.create(model=f"s{CHUNKS}x0-gpt-4o", messages=MESSAGES, stream=True))

        block_us(unary, 100)
        block_us(stream, 10)
        bare, added = compare(unary, engine, CALLS_IN_BLOCK, -(-calls // CALLS_IN_BLOCK))
        bare_stream, added_stream = compare(stream, engine, STREAMS_IN_BLOCK, -(-streams // STREAMS_IN_BLOCK))
    emitter.close()
    return {
        "calls": calls,
        "streams": streams,
        "content": content,
        "baseline_unary_us": round(bare, 1),
        "unary_us": round(added, 1),
        "unary_ratio": round(1 + added / bare, 3),
        "baseline_stream_us": round(bare_stream, 1),
        "stream_us": round(added_stream, 1),
        "chunk_us": round((added_stream - added) / EVENTS, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="plain calls of each kind")
    parser.add_argument("--streams", type=int, default=500, help="streams of each kind")
    parser.add_argument("--content", choices=["off", "hash", "masked", "full"], default="off")
    asked = parser.parse_args()
    with provider_process() as url:
        result = measure(url, asked.content, asked.calls, asked.streams)
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
