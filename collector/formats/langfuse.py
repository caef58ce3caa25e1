"""Langfuse's observations, as its public API and its exports write them: a generation is an event, a span is none.

Langfuse counts the parts of input and output beside each other; an event counts them inclusively. Its costs are its own
estimates, or what the app said, so that they become an attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from tokentide.call import OPERATIONS
from tokentide.frameworks.metadata import tags_in
from tokentide.hooks.content import keyed_digest, last_user_turn, plain_text
from tokentide.hooks.document import dig, dollars, items, mapping, number, text

from collector.formats import langfuse_usage
from collector.formats.providers import known_as, of_model
from collector.formats.second_hand import (
    Fields,
    Found,
    Left,
    decoded,
    first,
    http_status_of,
    instant,
    limit,
    ms_between,
    named,
    second_hand,
    short,
    status_of_http,
)
from collector.formats.texts import Texts

_KINDS: Final = ("GENERATION", "EMBEDDING")
_HEX_32: Final = re.compile(r"[0-9a-f]{32}")
_HEX_16: Final = re.compile(r"[0-9a-f]{16}")
# Words of an error's message, which itself is not kept: it may quote what was asked.
_STATUSES: Final = (
    ("rate limit", "rate_limited"),
    ("ratelimit", "rate_limited"),
    ("context length", "context_length"),
    ("context_length", "context_length"),
    ("content filter", "content_filter"),
    ("content_filter", "content_filter"),
    ("timed out", "timeout"),
    ("timeout", "timeout"),
    ("authentication", "auth"),
    ("connection", "network"),
    ("cancelled", "cancelled"),
)
_HTTP_STATUS: Final = re.compile(r"\b(?:status|error) code:? ([45]\d\d)\b", re.IGNORECASE)


def records_in(value: Any) -> Iterator[Any]:
    """The observations in one value of a file: one, a page of the API, or a trace that contains some."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        for item in value["data"]:
            yield from records_in(item)
    elif isinstance(value, dict) and isinstance(value.get("observations"), list):
        for item in value["observations"]:
            yield {"trace": value, **item} if isinstance(item, dict) else item
    else:
        yield value


def read_observation(observation: Any, texts: Texts, user_key: str) -> Found:
    """The event of one observation, or why there is none."""
    if not isinstance(observation, dict):
        return Left(f"an observation is an object, not {type(observation).__name__}", is_fault=True)
    kind = text(observation.get("type")).upper()
    if kind and kind not in _KINDS:
        return Left(f"{kind.lower()[:32]}: only generations and embeddings ask a model", is_fault=False)
    started_at, identity = instant(observation.get("startTime")), short(observation.get("id"))
    if not kind or started_at is None or not identity:
        return Left("it has no id, no type or no startTime", is_fault=True)
    metadata = _object(observation.get("metadata"))
    asked, answered = _texts_of(observation)
    fields = {
        **langfuse_usage.usage_of(observation),
        **_caller(observation, metadata, user_key),
        **_times(observation),
        **_model(observation, metadata, kind),
        **_outcome(observation, metadata),
        **texts.fields(asked, answered),
        "attributes": _attributes(observation),
    }
    return second_hand("langfuse", identity, started_at, fields)


def _object(value: Any) -> Fields:
    """An object, which the newer API writes as a text."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = decoded(value.encode("utf-8", "replace"))
        except ValueError:
            return {}  # a text like any other
    return value if isinstance(value, dict) else {}


def _caller(observation: Fields, metadata: Fields, user_key: str) -> Fields:
    """Who it was for: by the metadata's tags, as in the hook; session and user are often those of the trace."""
    trace = mapping(observation.get("trace")) or {}
    said = tags_in(_object(trace.get("metadata"))) | tags_in(metadata)
    user = first(said.get("user"), observation.get("userId"), trace.get("userId"), metadata.get("langfuse_user_id"))
    environment = first(said.get("environment"), observation.get("environment"), trace.get("environment"))
    trace_id, parent = short(observation.get("traceId")), short(observation.get("parentObservationId"))
    span_id = short(observation.get("id"))
    return {
        **{name: short(said.get(name)) for name in ("team", "app", "feature")},
        "environment": "" if environment == "default" else environment,
        "session_id": first(said.get("session"), observation.get("sessionId"), trace.get("sessionId")),
        "user_hash": keyed_digest(user, user_key),
        "trace_id": trace_id if _HEX_32.fullmatch(trace_id) else "",
        "span_id": span_id if _HEX_16.fullmatch(span_id) else "",
        "parent_span_id": parent if _HEX_16.fullmatch(parent) else "",
        "prompt_name": first(said.get("prompt_name"), observation.get("promptName")),
        "prompt_version": first(said.get("prompt_version"), observation.get("promptVersion")),
    }


def _times(observation: Fields) -> Fields:
    started, ended = instant(observation.get("startTime")), instant(observation.get("endTime"))
    first_token = ms_between(started, instant(observation.get("completionStartTime")))
    duration = ms_between(started, ended)
    return {
        "duration_ms": duration or 0.0,
        "operation_ms": duration,
        "time_to_first_token_ms": first_token,
        "stream": first_token is not None,
    }


def _model(observation: Fields, metadata: Fields, kind: str) -> Fields:
    """Langfuse knows no provider: OpenTelemetry's or LangChain's metadata may, else the model's name has to tell."""
    spans = _object(metadata.get("attributes"))
    model = first(observation.get("providedModelName"), observation.get("model"))
    said = first(spans.get("gen_ai.provider.name"), spans.get("gen_ai.system"), metadata.get("ls_provider"))
    operation = text(spans.get("gen_ai.operation.name"))
    if kind == "EMBEDDING":
        operation = "embeddings"
    elif operation not in OPERATIONS:
        operation = "chat" if _messages(observation.get("input")) else "unknown"
    parameters = _object(observation.get("modelParameters"))
    return {
        "operation": operation,
        "provider": known_as(said) if said else of_model(model),
        "model_requested": model,
        "temperature": number(parameters.get("temperature")),
        "max_tokens": limit(parameters.get("max_completion_tokens") or parameters.get("max_tokens")),
    }


def _outcome(observation: Fields, metadata: Fields) -> Fields:
    if text(observation.get("level")).upper() != "ERROR":
        return {"status": "ok", "response_id": short(_object(metadata.get("attributes")).get("gen_ai.response.id"))}
    message = text(observation.get("statusMessage"))
    found = _HTTP_STATUS.search(message)
    http_status = http_status_of(found[1]) if found else 0
    lowered = message.lower()
    told = next((status for words, status in _STATUSES if words in lowered), "")
    return {"status": told or status_of_http(http_status), "http_status": http_status or None}


def _messages(asked: Any) -> list[Any]:
    messages = dig(asked, "messages") if isinstance(asked, dict) else asked
    return [message for message in items(messages) if text(dig(message, "role"))]


def _texts_of(observation: Fields) -> tuple[str, str]:
    """What was asked and answered, of the shapes that the integrations write; the newer API writes JSON as a text."""
    asked, answered = map(_unwrapped, (observation.get("input"), observation.get("output")))
    prompt = asked if isinstance(asked, str) else last_user_turn(_messages(asked))
    message = dig(answered, "choices", 0, "message") or (
        answered[-1] if isinstance(answered, list) and answered else answered
    )
    response = message if isinstance(message, str) else plain_text(dig(message, "content"))
    return prompt, response


def _unwrapped(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return decoded(value.encode("utf-8", "replace"))
        except ValueError:
            return value  # a text that begins like JSON
    return value


def _attributes(observation: Fields) -> dict[str, str]:
    said = (
        dig(observation, "costDetails", "total"),
        observation.get("totalCost"),
        observation.get("calculatedTotalCost"),
    )
    cost = next((amount for value in said if (amount := dollars(value))), None)
    return named(
        langfuse_id=observation.get("id"),
        langfuse_trace_id=observation.get("traceId"),
        langfuse_name=observation.get("name"),
        langfuse_trace_name=dig(observation, "trace", "name") or observation.get("traceName"),
        langfuse_cost=format(cost, "f") if cost else "",
    )
