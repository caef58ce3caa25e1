"""Spans a second over real HTTP into the acknowledged insert, with the roll-up beside it, all on this machine.

Each request has 512 spans, what OpenTelemetry's exporters send at most; half of them tell of a call of a model, with 20
attributes and texts, and half are other spans of the app. The senders are a process of their own, as apps are.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import httpx
import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from tokentide.version import VERSION

from collector.config import CollectorConfig
from collector.decode import Decoder
from collector.intake import routes
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.price_book.book import seed_prices
from collector.price_book.resolve import Resolver
from collector.rollup import RollUp
from collector.sources.http import HttpIntake
from store.connection import Store, open_store
from store.migrate import migrate

SPANS_A_REQUEST = 512
SENDERS = 4
ASKED = "How do I top up the card that I lost last week, and is what was on it still there? " * 3
ANSWERED = "Report it first: what was on it is kept, and it is on the new card from its first day. " * 4


def now() -> datetime:
    return datetime.now(timezone.utc)


def request(number: int, share: float, start_ns: int) -> bytes:
    """The body of one request; `share` of its spans are calls of a model."""
    made = ExportTraceServiceRequest()
    resource_spans = made.resource_spans.add()
    pair(resource_spans.resource.attributes, "service.name", f"app-{number % 24}")
    pair(resource_spans.resource.attributes, "deployment.environment.name", "production")
    pair(resource_spans.resource.attributes, "team", f"team-{number % 12}")
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "opentelemetry.instrumentation.genai.openai"
    for index in range(SPANS_A_REQUEST):
        span = scope_spans.spans.add()
        span.trace_id = (number * SPANS_A_REQUEST + index + 1).to_bytes(16, "big")
        span.span_id = (index + 1).to_bytes(8, "big")
        span.parent_span_id = b"parent--"
        span.start_time_unix_nano = start_ns + index * 1_000
        span.end_time_unix_nano = span.start_time_unix_nano + 812_000_000
        is_call = index % 100 < share * 100
        for key, value in (call(number, index) if is_call else other()).items():
            pair(span.attributes, key, value)
    return made.SerializeToString()


def pair(pairs: object, key: str, value: object) -> None:
    added = pairs.add(key=key)
    if isinstance(value, list):
        for item in value:
            added.value.array_value.values.add(string_value=item)
    else:
        kind = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}[type(value)]
        setattr(added.value, kind, value)


def call(number: int, index: int) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5-2025-08-07",
        "gen_ai.response.id": f"chatcmpl-{number}-{index}",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 800,
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 0.31,
        "gen_ai.usage.input_tokens": 100 + index,
        "gen_ai.usage.output_tokens": 96,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 32,
        "gen_ai.conversation.id": f"conversation-{index}",
        "gen_ai.output.type": "text",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.input.messages": messages("user", f"{index} {ASKED}"),
        "gen_ai.output.messages": messages("assistant", f"{index} {ANSWERED}"),
    }


def messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def other() -> dict[str, object]:
    return {
        "http.request.method": "GET",
        "url.path": "/cards",
        "http.response.status_code": 200,
        "server.address": "shop.example",
        "network.protocol.version": "1.1",
    }


def send(url: str, bodies: list[bytes]) -> None:
    """What a fleet of apps does; each answer means that all spans of its request are stored."""

    def work(own: list[bytes]) -> None:
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        with httpx.Client(base_url=url, timeout=60) as client:
            for body in own:
                while (status := client.post("/v1/traces", content=body, headers=headers).status_code) in (429, 503):
                    time.sleep(0.2)
                assert status == 200, status

    threads = [threading.Thread(target=work, args=(bodies[n::SENDERS],)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def collecting(store: Store, config: CollectorConfig) -> Iterator[str]:
    """The intake, the pipeline and the roll-up; yields the address."""
    intake, roll_up, stop = HttpIntake(config), RollUp(store), threading.Event()
    decoder = Decoder(Resolver(), VERSION, config.max_record_bytes, timedelta(days=30), timedelta(minutes=10))
    pipeline = Pipeline(intake, decoder, store, roll_up, Metrics(CollectorRegistry()), now)
    settings = uvicorn.Config(Starlette(routes=routes(intake, config)), port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(settings)
    threads = [
        threading.Thread(target=lambda: asyncio.run(server.serve())),
        threading.Thread(target=pipeline.run, args=(stop,)),
        threading.Thread(target=roll_up.run, args=(stop, config.roll_up_every_s)),
    ]
    for thread in threads:
        thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    stop.set()
    for thread in threads:
        thread.join()


def measure(store: Store, bodies: list[bytes], content: str) -> float:
    """Seconds until every request is answered."""
    with collecting(store, CollectorConfig(otlp_content=content)) as url:
        sender = multiprocessing.get_context("spawn").Process(target=send, args=(url, bodies))
        sender.start()
        began = time.monotonic()
        sender.join()
        assert sender.exitcode == 0
        return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.5)
    options = parser.parse_args()
    count = max(options.spans // SPANS_A_REQUEST, 1)
    found: dict[str, object] = {"spans": count * SPANS_A_REQUEST, "share_of_calls": options.share}
    with tempfile.TemporaryDirectory() as folder:
        for content in ("off", "masked"):
            start_ns = time.time_ns() - 60_000_000_000
            made = [request(number, options.share, start_ns) for number in range(count)]
            store = open_store(f"chdb://{folder}/store", f"bench_{content}")
            migrate(store, now())
            seed_prices(store, now())
            seconds = measure(store, [gzip.compress(body, 1) for body in made], content)
            store.close()
            found[f"spans_per_s_{content}"] = round(count * SPANS_A_REQUEST / seconds)
        found["request_bytes"] = len(made[0])
    found["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
