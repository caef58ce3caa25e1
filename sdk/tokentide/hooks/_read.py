"""From the raw record of an attempt to the event, on the worker's thread. Nothing here touches a clock or the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlsplit

from tokentide.call import LLMCall
from tokentide.config import Settings
from tokentide.content_policy import policy_name
from tokentide.hooks._body import Body, read_body
from tokentide.hooks._outcome import status_of, stream_outcome
from tokentide.hooks._texts import Texts
from tokentide.hooks.attempt import Attempt, Flow, Frame
from tokentide.hooks.content import keyed_digest
from tokentide.hooks.document import REQUEST_KEYS, dump, number, parse, parse_cut, text, within
from tokentide.hooks.limits import count, retry_after_ms
from tokentide.hooks.provider import Answer, Document, Failure, Headers, Provider
from tokentide.identifiers import uuid7
from tokentide.manual import RecordedCall
from tokentide.version import VERSION

_MAX_TOKENS_KEYS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MOST_BYTES: Final = 2**32 - 1
_MOST_CHARS: Final = 256
_MOST_USAGE_CHARS: Final = 8192
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
Fields = dict[str, Any]


class Reader:
    """Reads attempts under one set of settings. It is called on one thread at a time.

    `count_failure` is called for each text that could not be masked.
    """

    def __init__(self, settings: Settings, count_failure: Callable[[], object]) -> None:
        self._settings = settings
        self._texts = Texts(settings, count_failure)

    def __call__(self, attempt: Attempt | RecordedCall, producer_id: str, seq: int) -> LLMCall:
        """The event of one attempt. What an answer does not say stays unknown."""
        if isinstance(attempt, RecordedCall):
            return self._recorded(attempt, producer_id, seq)
        provider, endpoint = attempt.route
        headers: Headers = {name.lower(): value for name, value in (attempt.headers or {}).items()}
        request = _asked(attempt)
        of_prompt, of_response = policies = self._settings.content_policies(attempt.frame.tags.content)
        encoding, kind = headers.get("content-encoding", "").strip().lower(), headers.get("content-type", "")
        body = read_body(attempt, encoding, kind, everything=of_response != "off")
        document = {**provider.in_headers(headers), **body.document}
        answer, failure = endpoint.answer(document), provider.failure(document)
        fields: Fields = {
            "operation_id": _operation_id(attempt.frame, attempt.started_at_ns),
            "attempt": attempt.number,
            "is_final": attempt.is_final,
            "producer_id": producer_id,
            "seq": seq,
            "sdk_version": VERSION,
            "operation": endpoint.operation,
            **_timing(attempt, body),
            **self._caller(attempt.frame),
            **_place(attempt.url, headers, provider, answer),
            **_request(endpoint.parameters(request), body, endpoint.model_in_path(_path(attempt.url))),
            **_answer(answer, headers, provider),
            **_outcome(attempt, headers, body, failure, provider),
            **_limits(attempt, headers, failure, provider),
            **_sizes(attempt),
            "content_policy": policy_name(*policies),
        }
        # An analysis wants one text for each operation, however often it was tried.
        if attempt.is_final:
            fields |= self._texts.prompt(endpoint.prompt(request), of_prompt)
            fields |= self._texts.response(answer.text, of_response, body.is_cut)
        return LLMCall(call_id=uuid7(attempt.started_at_ns // 1_000_000), **fields)

    def _recorded(self, call: RecordedCall, producer_id: str, seq: int) -> LLMCall:
        """The event of a call that the app recorded by hand."""
        started_ms = int(call.fields["started_at"].timestamp() * 1000)
        of_prompt, of_response = self._settings.content_policies(call.tags.content)
        fields: Fields = {
            "operation_id": uuid7(started_ms),
            "producer_id": producer_id,
            "seq": seq,
            "sdk_version": VERSION,
            **call.fields,
            **self._caller(call),
            "content_policy": policy_name(of_prompt, of_response),
            **self._texts.prompt(call.prompt, of_prompt),
            **self._texts.response(call.response_text, of_response, has_hole=False),
        }
        return LLMCall(call_id=uuid7(started_ms), **fields)

    def _caller(self, frame: Frame | RecordedCall) -> Fields:
        tags, settings = frame.tags, self._settings
        return {
            "team": tags.team or settings.team,
            "app": tags.app or settings.app,
            "feature": tags.feature or settings.feature,
            "environment": tags.environment or settings.environment,
            "user_hash": keyed_digest(tags.user, settings.user_key),
            "session_id": tags.session,
            "attributes": tags.attributes,
            "prompt_name": tags.prompt_name,
            "prompt_version": tags.prompt_version,
            **_trace(frame.span),
        }


def _asked(attempt: Attempt) -> Document:
    """The request as far as it was kept: of a long one the beginning and the end."""
    body = attempt.request_body
    said = (parse(body) or parse_cut(body, b"", REQUEST_KEYS)) if body else {}
    return {**attempt.frame.parameters, **said}


def _operation_id(frame: Frame, started_at_ns: int) -> str:
    if not frame.operation_id:
        frame.operation_id = uuid7(started_at_ns // 1_000_000)
    return frame.operation_id


def _timing(attempt: Attempt, body: Body) -> Fields:
    frame, flow = attempt.frame, attempt.flow
    fields: Fields = {
        "started_at": _EPOCH + timedelta(microseconds=attempt.started_at_ns // 1000),
        "duration_ms": _ms(attempt.ended - attempt.started),
        "operation_ms": _ms(max(frame.closed, attempt.ended) - frame.started) if attempt.is_final else None,
    }
    if flow is not None and body.is_stream:
        fields |= {"chunks": flow.chunks, "client_blocked_ms": _ms(flow.blocked)}
        if body.first_content is not None and body.first_content < len(flow.stamps):
            fields |= _token_times(attempt.started, flow, body.first_content)
    return fields


def _token_times(started: int, flow: Flow, first_content: int) -> Fields:
    """Time to the first chunk with content, and nearest-rank percentiles of the gaps between it and the later ones."""
    stamps = flow.stamps[first_content:]
    fields: Fields = {"time_to_first_token_ms": _ms(stamps[0] - started)}
    gaps = sorted(later - earlier for earlier, later in pairwise(stamps))
    if gaps:
        fields["inter_token_p50_ms"] = _ms(gaps[(len(gaps) - 1) // 2])
        fields["inter_token_p99_ms"] = _ms(gaps[-(-len(gaps) * 99 // 100) - 1])
    return fields


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)


def _sizes(attempt: Attempt) -> Fields:
    """Bytes that went over the line, headers not counted; those of an answer that never came are unknown."""
    asked = count(attempt.content_length)
    answered = attempt.size if attempt.flow is None else attempt.flow.size
    return {
        "request_bytes": None if asked is None else min(asked, _MOST_BYTES),
        "response_bytes": min(answered, _MOST_BYTES) if attempt.http_status else None,
    }


def _trace(span: Any) -> Fields:
    """The W3C ids of the OpenTelemetry span that the app was in, if there was one."""
    place = None if span is None else span.get_span_context()
    if place is None or not place.is_valid:
        return {}
    ids = {"trace_id": f"{place.trace_id:032x}", "span_id": f"{place.span_id:016x}"}
    parent = getattr(span, "parent", None)  # spans of the API alone know none
    return ids if parent is None else {**ids, "parent_span_id": f"{parent.span_id:016x}"}


def _path(url: Any) -> str:
    return urlsplit(str(url)).path


def _place(url: Any, headers: Headers, provider: Provider, answer: Answer) -> Fields:
    parts = urlsplit(str(url))
    host = parts.hostname or ""
    names = (name for end, name in provider.hosts.items() if _ends_with(host, end))
    is_default_port = parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme)
    return {
        "provider": next(names, provider.name),
        "host": host if is_default_port else f"{host}:{parts.port}",
        "region": (provider.region(host, headers) or answer.region)[:_MOST_CHARS],
    }


def _ends_with(host: str, end: str) -> bool:
    if "*" in end:
        return fnmatchcase(host, end) or fnmatchcase(host, f"*.{end}")
    return host == end or host.endswith((f".{end}", f"-{end}"))


def _request(request: Document, body: Body, model_in_path: str) -> Fields:
    limits = (request.get(key) for key in _MAX_TOKENS_KEYS)
    return {
        "model_requested": (model_in_path or text(request.get("model")))[:_MOST_CHARS],
        "stream": body.is_stream or request.get("stream") is True,
        "temperature": number(request.get("temperature")),
        "max_tokens": next((limit for limit in limits if type(limit) is int and 0 <= limit < 2**32), None),
    }


def _raw(usage: Document | None) -> str:
    """The usage as it came; empty for one that is too long to be one."""
    written = dump(usage) if usage else ""
    return written if len(written) <= _MOST_USAGE_CHARS else ""


def _answer(answer: Answer, headers: Headers, provider: Provider) -> Fields:
    cost = answer.reported_cost
    has_counts = "input_tokens" in answer.tokens and "output_tokens" in answer.tokens
    return {
        **within(answer.tokens),
        "response_id": answer.response_id[:_MOST_CHARS],
        "model_responded": answer.model[:_MOST_CHARS],
        "finish_reason": answer.finish_reason[:_MOST_CHARS],
        "service_tier": answer.service_tier[:_MOST_CHARS],
        "provider_reported_cost": provider.reported_cost(headers) if cost is None else cost,
        "usage_raw": _raw(answer.usage),
        "usage_source": "provider" if has_counts else "missing",
    }


def _outcome(attempt: Attempt, headers: Headers, body: Body, failure: Failure, provider: Provider) -> Fields:
    error = attempt.error
    # How it was closed says nothing of a stream whose end mark cannot be seen.
    is_told = body.is_complete or not body.is_unread or error not in (None, GeneratorExit)
    is_answer = body.is_stream and attempt.http_status < 400 and is_told
    raised = "" if error is None or error is GeneratorExit else error.__name__
    is_wrong = body.is_wrong and error is None and attempt.http_status < 400
    names = (provider.request_id_header, *provider.other_request_id_headers)
    return {
        "status": status_of(attempt.http_status, error, failure),
        "http_status": attempt.http_status or None,
        "error_code": failure.code or raised or ("unreadable_body" if is_wrong else ""),
        # A client that was told of an error leaves the stream because of it.
        "stream_outcome": stream_outcome(body.is_complete, None if failure.code else error) if is_answer else "",
        "request_id": next((headers[name] for name in names if headers.get(name)), "")[:_MOST_CHARS],
    }


def _limits(attempt: Attempt, headers: Headers, failure: Failure, provider: Provider) -> Mapping[str, float | None]:
    now = _EPOCH + timedelta(microseconds=(attempt.started_at_ns + attempt.answered - attempt.started) // 1000)
    wait = retry_after_ms(headers, now)
    asked = failure.retry_after_ms if wait is None else wait
    return {**failure.limits, **provider.limits(headers, now), "retry_after_ms": asked}
