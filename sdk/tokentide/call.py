"""The event: one `LLMCall` per HTTP attempt of a call to a language model (wire schema 1).

The name of a field is its key in JSON, its column in the store and its entry in the docs.
Absent means unknown: an unknown number is None, an unknown text is empty, and neither is ever written to the wire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

SCHEMA_VERSION = 1

STATUSES = (
    "ok",
    "rate_limited",
    "timeout",
    "auth",
    "invalid_request",
    "content_filter",
    "context_length",
    "server_error",
    "network",
    "cancelled",
    "unknown",
)
OPERATIONS = (
    "chat",
    "responses",
    "messages",
    "completions",
    "generate",
    "generate_content",
    "embeddings",
    "images",
    "audio",
    "moderations",
    "rerank",
    "ocr",
    "count_tokens",
    "unknown",
)
USAGE_SOURCES = ("provider", "estimated", "missing")
STREAM_OUTCOMES = ("", "complete", "abandoned", "broken")
# A call with more is no call but an error, and sums over a great many calls still fit into their columns.
MOST_TOKENS = 10**12
MOST_DOLLARS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCall:
    """One HTTP attempt.

    Times are milliseconds, instants are UTC. Token counts are normalised to be inclusive: `input_tokens` contains the
    cached and audio parts, `output_tokens` contains reasoning. `provider_reported_cost` is in US dollars.
    """

    # identity
    call_id: str
    operation_id: str
    attempt: int = 1
    is_final: bool = True
    producer_id: str = ""
    seq: int = 0
    schema_version: int = SCHEMA_VERSION
    sdk_version: str = ""
    # time
    started_at: datetime
    duration_ms: float = 0.0
    operation_ms: float | None = None
    time_to_first_token_ms: float | None = None
    chunks: int | None = None
    inter_token_p50_ms: float | None = None
    inter_token_p99_ms: float | None = None
    client_blocked_ms: float | None = None
    request_bytes: int | None = None
    response_bytes: int | None = None
    # who
    team: str = ""
    app: str = ""
    feature: str = ""
    environment: str = ""
    user_hash: str = ""
    session_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    # what
    provider: str = ""
    host: str = ""
    region: str = ""
    operation: str = "unknown"
    model_requested: str = ""
    model_responded: str = ""
    service_tier: str = ""
    stream: bool = False
    cache_hit: bool = False
    prompt_name: str = ""
    prompt_version: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    # usage
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    cache_read_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    usage_raw: str = ""
    usage_source: str = "missing"
    provider_reported_cost: Decimal | None = None
    # outcome
    status: str = "unknown"
    http_status: int | None = None
    error_code: str = ""
    finish_reason: str = ""
    stream_outcome: str = ""
    response_id: str = ""
    request_id: str = ""
    # limits
    limit_requests: int | None = None
    remaining_requests: int | None = None
    reset_requests_ms: float | None = None
    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    reset_tokens_ms: float | None = None
    retry_after_ms: float | None = None
    # content
    content_policy: str = "off"
    prompt: str = ""
    response: str = ""
    prompt_truncated: bool = False
    response_truncated: bool = False
    prompt_hash: str = ""
    prompt_chars: int | None = None
    response_chars: int | None = None
    # keys of a later release, kept as they came
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_json(self) -> bytes:
        """This call as one JSON object in UTF-8, without line breaks; fields at their default are left out."""
        record: dict[str, Any] = {"schema_version": self.schema_version}
        for name, default in _DEFAULTS:
            value = getattr(self, name)
            if value != default:
                record[name] = _plain(value)
        record.update(self.extra)
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    @classmethod
    def from_json(cls, data: bytes | str) -> LLMCall:
        """The call that `to_json` wrote; keys this release does not know are kept in `extra`.

        Raises ValueError or TypeError when `data` is not such an object. This is for tests and tools: the collector
        checks every value against its type.
        """
        record = json.loads(data)
        if not isinstance(record, dict):
            raise ValueError("an event is a JSON object")
        known: dict[str, Any] = {name: record.pop(name) for name in FIELDS if name in record}
        known["started_at"] = _instant(known["started_at"])
        if known.get("provider_reported_cost") is not None:
            known["provider_reported_cost"] = Decimal(str(known["provider_reported_cost"]))
        return cls(**known, extra=record)


FIELDS: tuple[str, ...] = tuple(f.name for f in fields(LLMCall) if f.name != "extra")


def _default(of: Field[Any]) -> object:
    return of.default_factory() if of.default_factory is not MISSING else of.default


_DEFAULTS = tuple((f.name, _default(f)) for f in fields(LLMCall) if f.name not in ("extra", "schema_version"))


def _plain(value: Any) -> Any:
    # Nearly every value is one of these, and asking for an abstract type is slow.
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    return value


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerReport:
    """What one producer (one process of an app) says of itself, so that a missing event can be counted.

    `emitted` is the highest `seq` it gave out. `dropped` counts, by reason, the events that it could not keep
    (`overflow`: the queue was full; `spool_full`; `unreadable`: reading the attempt failed; `rejected`: the far side
    refused it for good; `exit`: no time to read it before the process ended; `expired`: too long in the spool;
    `spool_damaged`). `spooled` counts records that wait on its disk. `closed` marks the last report of a clean
    exit. A later report replaces an earlier one.
    """

    report_id: str
    producer_id: str
    reported_at: datetime
    emitted: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    spooled: int = 0
    hook_errors: int = 0
    closed: bool = False
    app: str = ""
    sdk_version: str = ""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """This report as one JSON object; `report_id` comes first, which is how a reader tells it from a call."""
        record = {f.name: getattr(self, f.name) for f in fields(self)}
        record["reported_at"] = _plain(self.reported_at)
        record["dropped"] = dict(self.dropped)
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
