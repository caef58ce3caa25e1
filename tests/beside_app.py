"""An app that two tools watch, ours and another: `python beside_app.py <url> <other> <ours-first|ours-last|alone>`.

Prints one JSON object: what the app saw, what ours recorded, and how many spans the other one made (null if it keeps
them to itself). Runs in an environment of its own, which has the other tools.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import ExitStack
from typing import Any

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "How do I top up my card?"}]}

SPANS: Any = None


def opentelemetry(module: str, name: str) -> None:
    global SPANS
    from importlib import import_module

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    SPANS = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(SPANS))
    getattr(import_module(module), name)().instrument(tracer_provider=provider)


def langfuse() -> None:
    os.environ.update(LANGFUSE_PUBLIC_KEY="pk", LANGFUSE_SECRET_KEY="sk", LANGFUSE_BASE_URL="http://127.0.0.1:9")
    from importlib import import_module

    import_module("langfuse.openai")


def ddtrace() -> None:
    os.environ.update(DD_INSTRUMENTATION_TELEMETRY_ENABLED="false", DD_TRACE_ENABLED="false", DD_TRACE_STARTUP_LOGS="0")
    from ddtrace import patch

    patch(openai=True, httpx=True)


OTHERS = {
    "openllmetry": lambda: opentelemetry("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
    "opentelemetry": lambda: opentelemetry("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    "openinference": lambda: opentelemetry("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "langfuse": langfuse,
    "ddtrace": ddtrace,
}


def use(url: str) -> list[Any]:
    """What the app sees of a few calls."""
    import openai

    seen: list[Any] = []
    with openai.OpenAI(base_url=f"{url}/v1", api_key="key") as client:
        chat = client.chat.completions
        seen.append(chat.create(model="fail2-model", **ASKED).choices[0].message.content)
        with chat.create(model="s5x0-model", stream=True, stream_options={"include_usage": True}, **ASKED) as stream:
            seen.append([event.model for event in stream])
        seen.append(client.embeddings.create(model="model", input="x").model)
        try:
            client.with_options(max_retries=0).responses.create(model="status500-model", input="x")
        except openai.InternalServerError as error:
            seen.append(type(error).__name__)

    async def later() -> str:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key") as client:
            return (await client.chat.completions.create(model="fail1-model", **ASKED)).model

    return [*seen, asyncio.run(later())]


def main() -> None:
    url, other, order = sys.argv[1:]
    from tokentide.testing import capture_calls

    with ExitStack() as stack:
        if order == "ours-last":
            OTHERS[other]()
        calls = None if order == "alone" else stack.enter_context(capture_calls())
        if order != "ours-last":
            OTHERS[other]()
        found = {
            "seen": use(url),
            "calls": calls and [[c.status, c.attempt, c.is_final, c.input_tokens, c.stream_outcome] for c in calls],
            "spans": SPANS and len(SPANS.get_finished_spans()),
        }
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    # Exporters of the others may wait for a far side that is not there.
    os._exit(0)


if __name__ == "__main__":
    main()
