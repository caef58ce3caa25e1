"""What LiteLLM's generic API callback sends: its `StandardLoggingPayload`, one for each call that it made or answered.

The rows of its spend logs, which have fewer and partly other keys, are read as well.

Its users, addresses and keys are left out. `response_cost` is LiteLLM's own estimate and no provider's word, so that it
becomes an attribute and the cost is computed from the tokens, as for every other event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from tokentide.frameworks.metadata import tags_in
from tokentide.hooks.content import keyed_digest
from tokentide.hooks.document import count, dig, dollars, items, mapping, number, text, word

from collector.config import CollectorConfig
from collector.formats import litellm_answers as answers
from collector.formats.format import Unreadable
from collector.formats.litellm_names import operation_of
from collector.formats.litellm_usage import usage_of
from collector.formats.providers import known_as
from collector.formats.second_hand import (
    Fields,
    Found,
    Left,
    decoded,
    first,
    host_of,
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
from collector.record import Outcome

# Statuses of LiteLLM's exceptions that their HTTP status does not tell.
_STATUSES: Final = {
    "APIConnectionError": "network",
    "APITimeoutError": "timeout",
    "CancelledError": "cancelled",
    "ContentPolicyViolationError": "content_filter",
    "ContextWindowExceededError": "context_length",
    "Timeout": "timeout",
}
_WITHOUT_ANSWER: Final = ("APIConnectionError", "APITimeoutError", "CancelledError", "Timeout")
_HTTP_STATUSES: Final = {
    "AuthenticationError": 401,
    "BadGatewayError": 502,
    "BadRequestError": 400,
    "ContentPolicyViolationError": 400,
    "ContextWindowExceededError": 400,
    "InternalServerError": 500,
    "NotFoundError": 404,
    "PermissionDeniedError": 403,
    "RateLimitError": 429,
    "ServiceUnavailableError": 503,
    "UnprocessableEntityError": 422,
}
# What of a payload without an id or a time is kept as a dead letter: nothing that says what was asked, or by whom.
_HARMLESS: Final = ("id", "litellm_call_id", "call_type", "model", "startTime", "endTime", "status")


class LiteLLM:
    """A JSON array of payloads, one payload, or one a line."""

    place = "litellm"

    def __init__(self, config: CollectorConfig) -> None:
        self._user_key = config.user_key
        self._most = config.max_request_events
        self._texts = Texts(config.litellm_content, config.user_key)

    def read(self, body: bytes, content_type: str) -> list[bytes]:
        """The events of the payloads; one that asks no model is left out. Of too many, one more than are taken.

        Raises Unreadable.
        """
        records = (_record(payload, read_payload(payload, self._texts, self._user_key)) for payload in _payloads(body))
        return list(islice((record for record in records if record is not None), self._most + 1))

    def answer(self, outcome: Outcome, content_type: str) -> Response:
        """How many events are stored and how many are dead letters."""
        return JSONResponse({"stored": outcome.stored, "dead_letters": len(outcome.refused)})


def _payloads(body: bytes) -> Iterator[Any]:
    try:
        parsed = decoded(body)
    except ValueError as error:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise Unreadable(f"the body is not JSON: {error}") from error
        return map(_of_line, lines)
    return iter(parsed if isinstance(parsed, list) else [parsed])


def _of_line(line: bytes) -> Any:
    try:
        return decoded(line)
    except ValueError as error:
        # Not the line itself: nobody can tell what of it is a text, and whose.
        return Left(f"a line of {len(line)} bytes is not JSON: {error}", is_fault=True)


def _record(payload: Any, found: Found) -> bytes | None:
    """The event, None for what is left out, or what may be kept of a payload that should have been one."""
    if not isinstance(found, Left):
        return found.to_json()
    if not found.is_fault:
        return None
    kept = {key: said for key in _HARMLESS if (said := short(dig(payload, key)))}
    return json.dumps({"unreadable": found.why, **kept}).encode()


def read_payload(payload: Any, texts: Texts, user_key: str) -> Found:
    """The event of one payload, or why there is none."""
    if isinstance(payload, Left):
        return payload
    if not isinstance(payload, dict):
        return Left(f"a payload is an object, not {type(payload).__name__}", is_fault=True)
    started_at = instant(payload.get("startTime"))
    identity = first(payload.get("id"), payload.get("request_id"), payload.get("litellm_call_id"))
    if started_at is None or not identity:
        return Left("it has no id or no startTime", is_fault=True)
    operation = operation_of(text(payload.get("call_type")))
    usage = usage_of(payload)
    if operation == "unknown" and not usage.get("input_tokens") and not usage.get("output_tokens"):
        return Left("it asked no model", is_fault=False)
    fields = {
        "operation": operation,
        **usage,
        **_caller(payload, user_key),
        **_times(payload),
        **_model(payload),
        **_outcome(payload, identity),
        **_limits(payload),
        **texts.fields(answers.asked(payload.get("messages")), answers.answered(payload.get("response"))),
        "attributes": _attributes(payload),
    }
    # The id alone would not do: all attempts of a call that failed have the same.
    return second_hand("litellm", f"{identity}\n{started_at.isoformat(timespec='milliseconds')}", started_at, fields)


def _caller(payload: Fields, user_key: str) -> Fields:
    """Who pays: by the caller's own metadata, as in the hook, else by the proxy's key."""
    key = mapping(payload.get("metadata")) or {}
    said = tags_in(mapping(key.get("requester_metadata")))
    users = (payload.get("end_user"), key.get("user_api_key_end_user_id"), dig(payload, "model_parameters", "user"))
    user = first(said.get("user"), *users, key.get("user_api_key_user_id"))
    return {
        "team": first(
            said.get("team"),
            key.get("user_api_key_team_alias"),
            key.get("user_api_key_team_id"),
            payload.get("team_id"),
        ),
        "app": first(said.get("app"), key.get("user_api_key_alias")),
        "feature": short(said.get("feature")),
        "environment": short(said.get("environment")),
        "session_id": first(said.get("session"), payload.get("session_id")),
        "user_hash": keyed_digest(user, user_key),
        "prompt_name": short(said.get("prompt_name")),
        "prompt_version": short(said.get("prompt_version")),
        "trace_id": answers.trace_id(payload.get("trace_id")),
    }


def _times(payload: Fields) -> Fields:
    started, ended = instant(payload.get("startTime")), instant(payload.get("endTime"))
    is_stream = payload.get("stream") is True or dig(payload, "model_parameters", "stream") is True
    first_token = ms_between(started, instant(payload.get("completionStartTime"))) if is_stream else None
    duration = ms_between(started, ended)
    return {
        "duration_ms": duration or 0.0,
        "operation_ms": duration,
        "time_to_first_token_ms": first_token or None,
        "stream": is_stream,
    }


def _model(payload: Fields) -> Fields:
    """The router of LiteLLM's proxy writes the name of the model's group into the answer, which is no model."""
    named_provider = text(payload.get("custom_llm_provider"))
    asked = first(dig(payload, "hidden_params", "litellm_model_name"), payload.get("model"))
    group, responded = short(payload.get("model_group")), short(dig(payload, "response", "model"))
    parameters = payload.get("model_parameters")
    return {
        "provider": known_as(named_provider)[:64],
        "host": host_of(payload.get("api_base")),
        "model_requested": asked.removeprefix(f"{named_provider}/"),
        "model_responded": "" if responded == group else responded,
        "service_tier": "batch"
        if "retrieve_batch" in text(payload.get("call_type"))
        else first(dig(payload, "response", "service_tier"), dig(parameters, "service_tier")),
        "temperature": number(dig(parameters, "temperature")),
        "max_tokens": limit(dig(parameters, "max_completion_tokens") or dig(parameters, "max_tokens")),
    }


def _outcome(payload: Fields, identity: str) -> Fields:
    is_hit = payload.get("cache_hit") in (True, "True", "true")
    if payload.get("status") != "failure":
        # A hit of LiteLLM's cache is not the answer whose id it repeats.
        response_id = "" if is_hit or identity == payload.get("litellm_call_id") else answers.response_id(identity)
        choice = dig(payload, "response", "choices", 0)
        return {
            "status": "ok",
            "cache_hit": is_hit,
            "response_id": response_id,
            "finish_reason": short(dig(choice, "finish_reason")),
        }
    return {"cache_hit": is_hit, **_failure(payload.get("error_information"))}


def _failure(error: Any) -> Fields:
    """LiteLLM invents an HTTP status where no answer came; where one came it is in one of two places, or in neither."""
    kind = word(dig(error, "error_class"))
    http_status = 0
    if kind not in _WITHOUT_ANSWER:
        said = (dig(error, "error_code"), text(dig(error, "normalized_error"))[:3])
        http_status = next(filter(None, map(http_status_of, said)), 0) or _HTTP_STATUSES.get(kind, 0)
    return {
        "status": _STATUSES.get(kind) or status_of_http(http_status),
        "http_status": http_status or None,
        "error_code": kind,
    }


def _limits(payload: Fields) -> Fields:
    headers = dig(payload, "hidden_params", "additional_headers")
    names = ("limit_requests", "remaining_requests", "limit_tokens", "remaining_tokens")
    return {name: count(dig(headers, f"x_ratelimit_{name}")) for name in names}


def _attributes(payload: Fields) -> dict[str, str]:
    # LiteLLM adds the client's User-Agent to what the caller tagged.
    tags = (short(tag) for tag in items(payload.get("request_tags")))
    cost = dollars(payload.get("response_cost", payload.get("spend")))
    return named(
        litellm_call_id=payload.get("litellm_call_id"),
        litellm_tags=",".join(tag for tag in tags if tag and not tag.startswith("User-Agent:")),
        litellm_key=dig(payload, "metadata", "user_api_key_alias"),
        litellm_model_group=payload.get("model_group"),
        litellm_response_cost=format(cost, "f") if cost else "",
    )
