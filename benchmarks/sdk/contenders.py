"""How each contender is switched on, with its defaults, as its own documentation says. Runs in its own environment.

Each function takes the address of the sink and returns what delivers everything that waits.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

Flush = Callable[[], object]


def null(sink: str) -> Flush:
    """Nothing: what this differs by is the noise of the measurement."""
    return lambda: None


def tokentide(sink: str) -> Flush:
    """Ours, with prompts and answers captured."""
    from tempfile import mkdtemp

    import tokentide

    tokentide.instrument("http", endpoint=sink, content="full", spool_dir=mkdtemp())
    return tokentide.flush


def langfuse(sink: str) -> Flush:
    """The drop-in of Langfuse for openai."""
    from langfuse import Langfuse

    import_module("langfuse.openai")  # which patches the library
    return Langfuse(public_key="pk", secret_key="sk", base_url=sink).flush


def opentelemetry(sink: str) -> Flush:
    """OpenTelemetry's own instrumentation, which captures no texts unless it is asked to."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    return _traced(sink, OpenAIInstrumentor())


def openinference(sink: str) -> Flush:
    """The instrumentation of Arize Phoenix."""
    from openinference.instrumentation.openai import OpenAIInstrumentor

    return _traced(sink, OpenAIInstrumentor())


def openllmetry(sink: str) -> Flush:
    """The instrumentation of Traceloop."""
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    return _traced(sink, OpenAIInstrumentor())


def _traced(sink: str, instrumentor: Any) -> Flush:
    """Spans leave in batches, as OTLP over HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{sink}/v1/traces")))
    instrumentor.instrument(tracer_provider=provider)
    return provider.force_flush


CONTENDERS: Final = {
    "null": null,
    "tokentide": tokentide,
    "langfuse": langfuse,
    "opentelemetry": opentelemetry,
    "openinference": openinference,
    "openllmetry": openllmetry,
}
