"""An app that another tool traces, beside tokentide's own hook or alone: `python traced_app.py <url> <intake> <tracer>
<both|tracer>`. Its spans and our events go to the same intake. Runs in an environment of its own, which has the tracers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "How do I top up my card?"}]}
TRACERS = {
    "openllmetry": "opentelemetry.instrumentation.openai",
    "opentelemetry": "opentelemetry.instrumentation.genai.openai",
    "openinference": "openinference.instrumentation.openai",
}


def call(url: str) -> None:
    """A chat that is tried three times, a stream, an embedding, and a call that fails: seven attempts, one of four
    operations failed.
    """
    import openai

    with openai.OpenAI(base_url=f"{url}/v1", api_key="key") as client:
        chat = client.chat.completions
        chat.create(model="fail2-model", **ASKED)
        with chat.create(model="s5x0-model", stream=True, stream_options={"include_usage": True}, **ASKED) as stream:
            for _ in stream:
                pass
        client.embeddings.create(model="model", input="x")
        try:
            client.with_options(max_retries=0).chat.completions.create(model="status500-model", **ASKED)
        except openai.InternalServerError:
            return
    raise AssertionError("the provider answered")


def main() -> None:
    url, intake, tracer, who = sys.argv[1:]
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    spans = TracerProvider(resource=Resource({"service.name": "traced"}))
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{intake}/v1/traces")))
    import_module(TRACERS[tracer]).OpenAIInstrumentor().instrument(tracer_provider=spans)
    if who == "both":
        import tokentide

        tokentide.instrument(app="hooked", endpoint=intake)
    call(url)
    if who == "both":
        assert tokentide.flush(30)
    spans.shutdown()


if __name__ == "__main__":
    main()
