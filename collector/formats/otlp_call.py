"""From a span to the event of the call that it tells of. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from tokentide.call import OPERATIONS, SCHEMA_VERSION
from tokentide.hooks.content import keyed_digest
from tokentide.hooks.document import number, text, word

from collector.formats import otlp_names as names
from collector.formats import otlp_texts
from collector.formats.litellm_names import operation_of
from collector.formats.otlp_outcome import outcome
from collector.formats.otlp_spans import Attributes, Span
from collector.formats.otlp_usage import count, usage
from collector.formats.texts import Texts

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MOST_CHARS: Final = 256
_TRACE_ID: Final = re.compile("(?!0+$)[0-9a-f]{32}")
_SPAN_ID: Final = re.compile("(?!0+$)[0-9a-f]{16}")
_PARAMETERS: Final = msgspec.json.Decoder(dict[str, Any])
# What a name of an operation means where LiteLLM, whose spans have its own names, does not say so or means another.
_OPERATIONS: Final = {
    **{operation: operation for operation in OPERATIONS if operation != "unknown"},
    "chat.completions": "chat",
    "chat.streaming_completions": "chat",
    "text.completions": "completions",
    "text.streaming_completions": "completions",
    "completion": "completions",
    "llm": "chat",
    "reranker": "rerank",
}
# Spans around calls, or about them later: their tokens are those of the calls, which have spans of their own.
_NO_CALLS: Final = frozenset(
    (
        *("invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "retrieval", "plan"),
        *("agent", "chain", "tool", "retriever", "guardrail", "evaluator", "prompt", "workflow", "task"),
        *("fetch_response", "get_thread_run"),
    )
)
_PROVIDERS: Final = {
    "amazon-bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure-openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "bedrock": "aws.bedrock",
    "gcp.gemini": "gemini",
    "gcp.gen_ai": "google",
    "google.generative-ai": "gemini",
    "google.vertex": "gcp.vertex_ai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot_ai": "moonshot",
    "vertexai": "gcp.vertex_ai",
    "x_ai": "xai",
}
# How the AI SDK for TypeScript ends a provider's name.
_ENDINGS: Final = (".chat", ".completion", ".embedding", ".messages", ".responses")
_COUNTED: Final = ("input_tokens", "output_tokens", "total_tokens")
# Attributes with the name of a user in them: a provider is told it among the parameters.
_NAMING_THE_USER: Final = ("user", "parameters")


class _Answer(msgspec.Struct):
    """What is read of an answer that a tracer kept as it came."""

    id: str = ""


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def operation(attributes: Attributes) -> str:
    """The event's name of what was asked of the model; empty when the span tells of something else.

    A name that nobody here knows is a call's if a model was asked and tokens were counted.
    """
    asks = "provider" in attributes and "model_requested" in attributes
    if "operation" not in attributes:
        return "chat" if asks else ""
    said = text(attributes["operation"]).lower()
    if said in _NO_CALLS:
        return ""
    found = _OPERATIONS.get(said) or operation_of(said)
    is_call = found != "unknown" or (asks and any(count(attributes.get(name)) for name in _COUNTED))
    return found if is_call else ""


class SpanReader:
    """Reads spans, with as much of their texts as `content` allows, and users as hashes with `user_key`."""

    def __init__(self, content: str, user_key: str) -> None:
        self._texts = Texts(content, user_key)
        self._user_key = user_key

    def event(self, span: Span) -> bytes | None:
        """The event of a span as JSON, None when it tells of no call of a model.

        A span without ids or time has no event: what is returned then is the span itself, which is no event, so that it
        becomes a dead letter. Of texts it has what is allowed: none, unless they may be kept whole.
        """
        kind = operation(span.attributes)
        if not kind:
            return None
        if problem := _problem(span):
            return self._dead_letter(span, problem)
        return msgspec.json.encode(self._fields(span, kind))

    def _fields(self, span: Span, kind: str) -> dict[str, Any]:
        attributes = span.attributes
        call_id = _call_id(span)
        fields: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "call_id": call_id,
            "operation_id": call_id,
            "started_at": _EPOCH + timedelta(microseconds=span.start_ns // 1000),
            "duration_ms": _ms(span.start_ns, span.end_ns),
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_span_id": span.parent_span_id if _SPAN_ID.fullmatch(span.parent_span_id) else "",
            "attributes": {"otel.scope.name": span.scope[:_MOST_CHARS]} if span.scope else {},
            "provider": _provider(text(attributes.get("provider")).lower()[:_MOST_CHARS]),
            "host": _host(attributes),
            "operation": kind,
            **_words(attributes),
            **_request(attributes),
            **_first_token(span),
            **usage(attributes, kind),
            **outcome(span),
            **self._texts.fields(otlp_texts.prompt(span), otlp_texts.response(span)),
            **self._user(span),
        }
        if "response_id" not in fields and (found := _response_id(attributes)):
            fields["response_id"] = found
        return fields

    def _dead_letter(self, span: Span, problem: str) -> bytes:
        attributes, events = span.attributes, span.events
        if self._texts.policy != "full":
            attributes = {name: value for name, value in attributes.items() if name in names.FIELDS}
            events = []
        attributes = {name: value for name, value in attributes.items() if name not in _NAMING_THE_USER}
        kept = {**span._asdict(), "attributes": attributes, "events": [event._asdict() for event in events]}
        return msgspec.json.encode({"problem": problem, **self._user(span), "span": kept})

    def _user(self, span: Span) -> dict[str, str]:
        """The hash of the user, where there is one and a key to make it: by it a user is forgotten."""
        user_hash = keyed_digest(text(span.attributes.get("user")), self._user_key)
        return {"user_hash": user_hash} if user_hash else {}


def _problem(span: Span) -> str:
    if not _TRACE_ID.fullmatch(span.trace_id):
        return "the trace id is not 16 bytes"
    if not _SPAN_ID.fullmatch(span.span_id):
        return "the span id is not 8 bytes"
    return "" if span.start_ns > 0 else "the start time is missing"


def _call_id(span: Span) -> str:
    """The same for the same span, however often it is sent: a UUID of version 8, made of both ids."""
    made = hashlib.blake2b(f"{span.trace_id}{span.span_id}".encode(), digest_size=16).hexdigest()
    return f"{made[:8]}-{made[8:12]}-8{made[13:16]}-a{made[17:20]}-{made[20:]}"


def _ms(start_ns: int, end_ns: int) -> float:
    """Milliseconds between the two; 0, which is not known, when a clock went backwards."""
    return round(max(end_ns - start_ns, 0) / 1e6, 3)


def _provider(said: str) -> str:
    for ending in _ENDINGS:
        said = said.removesuffix(ending)
    return _PROVIDERS.get(said, said)


def _host(attributes: Attributes) -> str:
    """The host with the port when it is not the default, as events write it."""
    host = text(attributes.get("host"))
    if not host or "://" in host:
        return _host_of(host or text(attributes.get("url")))
    return _with_port(host, count(attributes.get("port")))


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        return _with_port(parts.hostname or "", parts.port)
    except ValueError:
        return ""


def _with_port(host: str, port: int | None) -> str:
    return host[:_MOST_CHARS] if port in (None, 0, 80, 443) else f"{host[:_MOST_CHARS]}:{port}"


def _words(attributes: Attributes) -> dict[str, str]:
    """The fields that are texts of a few words."""
    found = {name: attributes[name][:_MOST_CHARS] for name in names.WORDS if isinstance(attributes.get(name), str)}
    if found.get("app", "").startswith("unknown_service"):
        del found["app"]  # the name that an SDK gives an app that has none
    return found


def _request(attributes: Attributes) -> dict[str, Any]:
    parameters = _parameters(attributes)
    limits = (attributes.get("max_tokens"), parameters.get("max_completion_tokens"), parameters.get("max_tokens"))
    limit = next((found for said in limits if (found := count(said)) is not None), None)
    said = {
        "stream": attributes.get("stream", parameters.get("stream")) is True or None,
        "temperature": number(attributes.get("temperature", parameters.get("temperature"))),
        "max_tokens": limit if limit is not None and limit < 2**32 else None,
    }
    return {field: value for field, value in said.items() if value is not None}


def _parameters(attributes: Attributes) -> dict[str, Any]:
    if "parameters" not in attributes:
        return {}
    try:
        return _PARAMETERS.decode(text(attributes["parameters"]))
    except (msgspec.DecodeError, RecursionError):
        return {}


def _first_token(span: Span) -> dict[str, Any]:
    """The time to the first token; whoever knows it watched a stream."""
    taken = number(span.attributes.get("ms_to_first_token"))
    seconds = number(span.attributes.get("seconds_to_first_token"))
    if seconds is not None:
        taken = number(seconds * 1000)  # in milliseconds it may be more than is believable
    for event in span.events:
        if event.name == names.FIRST_TOKEN:
            taken = _ms(span.start_ns, event.time_ns)
    return {} if taken is None or taken < 0 else {"time_to_first_token_ms": round(taken, 3), "stream": True}


def _response_id(attributes: Attributes) -> str:
    """The provider's id in an answer that the tracer kept as JSON."""
    answer = text(attributes.get("answer"))
    if not answer.startswith("{"):
        return ""
    try:
        return word(_ANSWER.decode(answer).id)
    except (msgspec.DecodeError, RecursionError):
        return ""
