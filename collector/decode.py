"""Check every record against the typed schema; a bad one becomes a dead letter and the rest of the batch goes on.

The bytes are never re-encoded: the collector's own fields are spliced in before the closing brace.
"""

from __future__ import annotations

import dataclasses
import re
import threading
import typing
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal

import msgspec
from tokentide import call as event
from tokentide.call import LLMCall, ProducerReport

from collector.allocation.capacity import CapacityConfig, capacity_of
from collector.estimate import UsageEstimator
from collector.forgotten import ForgottenKeys
from collector.instants import with_capitals
from collector.ownership import OwnershipRule, owner_of
from collector.pinning import with_team
from collector.price_book.resolve import Resolver
from collector.record import SPANS, Batch, DeadLetter, Line, Reason, Record

_Count16 = Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)]
_Count32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
# A producer that counts or measures further is in error, and sums over a great many fit into the ledger's columns.
_MOST_COUNTED = 10**15
_Counted = Annotated[int, msgspec.Meta(ge=0, le=_MOST_COUNTED)]
_Measured = Annotated[float, msgspec.Meta(ge=0, le=_MOST_COUNTED)]
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=event.MOST_TOKENS)]
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_NARROWED: dict[str, Any] = {
    **{name: _Tokens | None for name in event.FIELDS if name.endswith("_tokens")},
    "call_id": uuid.UUID,
    "operation_id": uuid.UUID,
    "started_at": _Instant,
    "duration_ms": _Measured,
    "operation_ms": _Measured | None,
    "time_to_first_token_ms": _Measured | None,
    "inter_token_p50_ms": _Measured | None,
    "inter_token_p99_ms": _Measured | None,
    "client_blocked_ms": _Measured | None,
    "attempt": _Count16,
    "http_status": _Count16 | None,
    "chunks": _Count32 | None,
    "max_tokens": _Count32 | None,
    "prompt_chars": _Count32 | None,
    "response_chars": _Count32 | None,
    "request_bytes": _Count32 | None,
    "response_bytes": _Count32 | None,
    "status": Literal[event.STATUSES],
    "stream_outcome": Literal[event.STREAM_OUTCOMES],
    "usage_source": Literal[event.USAGE_SOURCES],
    "attributes": dict[str, str],
    "seq": _Counted,
    **dict.fromkeys(("limit_requests", "remaining_requests", "limit_tokens", "remaining_tokens"), _Int64 | None),
}


def _wire_struct(shape: type, name: str, narrowed: dict[str, Any]) -> type[msgspec.Struct]:
    """The msgspec form of a wire dataclass: the same fields, with the value ranges that the columns can hold."""
    hints = typing.get_type_hints(shape)
    fields: list[Any] = []
    for field in dataclasses.fields(shape):
        if field.name == "extra":
            continue
        hint = hints[field.name]
        kind = narrowed.get(field.name, _Counted if hint is int else hint)
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = field.default if field.default is not dataclasses.MISSING else msgspec.field(default_factory=dict)
        fields.append((field.name, kind) if required else (field.name, kind, default))
    return msgspec.defstruct(name, fields, kw_only=True)


_WireCall: Any = _wire_struct(LLMCall, "WireCall", _NARROWED)
_WireReport: Any = _wire_struct(
    ProducerReport,
    "WireReport",
    {"reported_at": _Instant, "dropped": dict[str, _Counted]},
)
# JSON's own and no others: what is read here must be what was read where events are pinned and cleaned.
_BLANKS = b" \t\r\n"
_SPACED_REPORT = re.compile(rb'\{[ \t\r\n]+"report_id"')
_FIELDS = frozenset(event.FIELDS)
# What the collector itself splices in: a record that has one of them would say it twice.
_OWN = frozenset({"price_key", "capacity", "received_at", "log_place", "log_offset", "extra"})


class Decoder:
    """Turns records into a `Batch`, on any thread.

    `sdk_version` is the release whose fields this collector knows by heart.
    """

    def __init__(
        self,
        prices: Resolver,
        sdk_version: str,
        max_bytes: int,
        past: timedelta,
        future: timedelta,
        forgotten: ForgottenKeys | None = None,
        ownership: Sequence[OwnershipRule] = (),
        capacity: Mapping[str, CapacityConfig] | None = None,
    ) -> None:
        self._prices = prices
        self._sdk_version = sdk_version
        self._estimator = UsageEstimator()
        self._max_bytes = max_bytes
        self._past = past
        self._future = future
        self._forgotten = forgotten
        self._ownership = tuple(ownership)
        self._capacity = capacity or {}
        self._call = msgspec.json.Decoder(_WireCall)
        self._report = msgspec.json.Decoder(_WireReport)
        self._keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._lock = threading.Lock()

    def decode(self, records: Iterable[Record], now: datetime) -> Batch:
        """Every record of `records` as a line, a report or a dead letter; `now` is the time of arrival."""
        with self._lock:
            return self._decode(records, now)

    def _decode(self, records: Iterable[Record], now: datetime) -> Batch:
        batch = Batch()
        earliest, latest = now - self._past, now + self._future
        arrival = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
        for record in map(self._forgotten.cleaned, records) if self._forgotten else records:
            try:
                self._decode_one(record, batch, earliest, latest, arrival)
            except _Refused as refused:
                batch.dead_letters.append(
                    DeadLetter(record, refused.reason, refused.detail, refused.producer_id, refused.seq)
                )
        batch.minutes = {minute.astimezone(timezone.utc) for minute in batch.minutes}
        return batch

    def _decode_one(self, record: Record, batch: Batch, earliest: datetime, latest: datetime, arrival: str) -> None:
        body = record.body.strip(_BLANKS)
        if len(body) > self._max_bytes:
            raise _Refused("oversized", f"{len(body)} bytes, the limit is {self._max_bytes}", *sender(body))
        # As an SDK writes it a key follows the brace: most records need no more than a glance.
        if body.startswith(b'{"report_id"') or (body[1:2] != b'"' and _SPACED_REPORT.match(body)):
            report = self._parse(self._report, body)
            if report.schema_version != event.SCHEMA_VERSION:
                raise _Refused("unknown_schema_version", f"version {report.schema_version}", report.producer_id)
            body = with_capitals(body, "reported_at")
            batch.reports.append(Line(body[:-1] + f',"received_at":"{arrival}"}}'.encode(), record))
            return
        call = self._parse(self._call, body, record.place)
        _check(call, earliest, latest)
        if call.provider_reported_cost is not None:
            _check_currency(call, self._parse(_priced, body).currency)
        if self._ownership and not call.team and (team := owner_of(self._ownership, call)):
            body, call.team = self._owned(body, call, team), team
        key = self._prices.key(call.provider, call.host, call.model_requested, call.model_responded, call.service_tier)
        capacity = msgspec.json.encode(capacity_of(self._capacity, call)).decode() if self._capacity else '""'
        extra = b""
        if call.sdk_version != self._sdk_version:
            extra = self._extra(call, body)
            body = with_capitals(body, "started_at")
        added = (
            f',"price_key":{key},"capacity":{capacity},"received_at":"{arrival}"'
            f',"log_place":"{record.place}","log_offset":{record.offset}'
        )
        batch.lines.append(Line(body[:-1] + added.encode() + self._estimated(call, body) + extra + b"}", record))
        minute = call.started_at.replace(second=0, microsecond=0)
        batch.minutes.add(minute)
        if call.started_at == minute:  # rounded up, perhaps, from digits that the store cuts off
            batch.minutes.add(minute - timedelta(minutes=1))

    def _owned(self, body: bytes, call: Any, team: str) -> bytes:
        try:
            return with_team(body, team)
        except RecursionError as error:  # the decoder of events takes what is deeper
            raise _Refused("malformed_json", "nested too deeply", call.producer_id, call.seq) from error

    def _estimated(self, call: Any, body: bytes) -> bytes:
        """The usage of a stream that came without one, as spliced fields that the record itself leaves out."""
        self._estimator.learn(call)
        estimate = self._estimator.estimate(call)
        # A key that is there, even as null, must not be there twice.
        if estimate is None or b'"usage_source"' in body:
            return b""
        fields = [(name, value) for name, value in estimate._asdict().items() if value is not None]
        if any(f'"{name}"'.encode() in body for name, _ in fields):
            return b""
        counted = "".join(f',"{name}":{value}' for name, value in fields)
        return f'{counted},"usage_source":"estimated"'.encode()

    def _parse(self, decoder: Any, body: bytes, place: str = "") -> Any:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise self._refusal(body, str(error), place) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Refused("malformed_json", str(error)) from error
        except RecursionError as error:
            raise _Refused("malformed_json", "nested too deeply") from error

    def _refusal(self, body: bytes, detail: str, place: str) -> _Refused:
        """A refusal that still names the producer, where the record says it readably."""
        partial = _readable(body)
        if partial.schema_version not in (None, event.SCHEMA_VERSION):
            return _Refused("unknown_schema_version", f"version {partial.schema_version}", *sender(body))
        # Of others it is a word of the sender, who is not to say why.
        found = partial.problem if place == SPANS else ""
        return _Refused("wrong_type", found or detail, *sender(body))

    def _extra(self, call: Any, body: bytes) -> bytes:
        """Fields that this release does not know, as the spliced map `extra`: their JSON text by name."""
        unknown = {
            key: bytes(value).decode("utf-8", "replace")
            for key, value in self._parse(self._keys, body).items()
            if key not in _FIELDS
        }
        if reserved := ", ".join(sorted(unknown.keys() & _OWN)):
            detail = f"{reserved}: the collector's own names, call the field something else"
            raise _Refused("wrong_type", detail, call.producer_id, call.seq)
        return b',"extra":' + msgspec.json.encode(unknown) if unknown else b""


def _check(call: Any, earliest: datetime, latest: datetime) -> None:
    """Raises _Refused for values that their types allow, and that no call has."""
    if call.schema_version != event.SCHEMA_VERSION:
        raise _Refused("unknown_schema_version", f"version {call.schema_version}", call.producer_id, call.seq)
    if call.started_at > latest:
        raise _Refused("future_timestamp", call.started_at.isoformat(), call.producer_id, call.seq)
    if call.started_at < earliest:
        raise _Refused("ancient_timestamp", call.started_at.isoformat(), call.producer_id, call.seq)
    cost = call.provider_reported_cost
    # NaN can be compared with nothing.
    if cost is not None and not (cost.is_finite() and 0 <= cost <= event.MOST_DOLLARS):
        detail = f"provider_reported_cost is {cost:.12g}: it must be from 0 to {event.MOST_DOLLARS} US dollars"
        raise _Refused("wrong_type", detail, call.producer_id, call.seq)


class _Priced(msgspec.Struct):
    currency: msgspec.Raw = msgspec.Raw(b"null")


_priced = msgspec.json.Decoder(_Priced)


def _check_currency(call: Any, currency: msgspec.Raw) -> None:
    """Raises _Refused where a sender says, in a field that no event has, that its cost is not in US dollars."""
    said = bytes(currency).decode("utf-8", "replace")
    if said.upper() not in ('"USD"', "NULL"):
        detail = f"currency is {said}: provider_reported_cost is in US dollars"
        raise _Refused("wrong_type", detail, call.producer_id, call.seq)


class _PartialCall(msgspec.Struct):
    problem: str = ""  # what the format of spans found wrong with one that it could not make an event of
    producer_id: str = ""
    seq: int | None = None
    schema_version: int | None = None


_partial = msgspec.json.Decoder(_PartialCall)


def sender(body: bytes) -> tuple[str, int | None]:
    """The producer and the sequence number of a record that cannot be stored; empty and None where it names none."""
    partial = _readable(body)
    return partial.producer_id, partial.seq if partial.seq is not None and 0 <= partial.seq <= _MOST_COUNTED else None


def _readable(body: bytes) -> _PartialCall:
    try:
        return _partial.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _PartialCall()


class _Refused(Exception):
    def __init__(self, reason: Reason, detail: str, producer_id: str = "", seq: int | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.producer_id = producer_id
        self.seq = seq
