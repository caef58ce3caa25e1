"""Traces of OpenTelemetry: each span of a call to a language model is an event, every other span is ignored."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

from collector.config import CollectorConfig
from collector.formats import otlp_spans
from collector.formats.format import Unreadable
from collector.formats.otlp_call import SpanReader
from collector.record import SPANS, Outcome

log = logging.getLogger(__name__)

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_READERS: Final = {_PROTOBUF: otlp_spans.from_protobuf, _JSON: otlp_spans.from_json}


class Otlp:
    """OTLP over HTTP, in protobuf or JSON."""

    place = SPANS

    def __init__(self, config: CollectorConfig) -> None:
        self._reads_texts = config.otlp_content != "off"
        self._reader = SpanReader(config.otlp_content, config.user_key)

    def read(self, body: bytes, content_type: str) -> list[bytes]:
        """The events of the spans that tell of a call."""
        spans = _READERS.get(content_type)
        if spans is None:
            raise Unreadable(f"content-type {content_type!r} is not known: send {_PROTOBUF} or {_JSON}")
        events, ignored = [], 0
        for span in spans(body, self._reads_texts):
            event = self._reader.event(span)
            if event is None:
                ignored += 1
            else:
                events.append(event)
        log.debug("%d spans are calls of a model, %d are not and are ignored", len(events), ignored)
        return events

    def answer(self, outcome: Outcome, content_type: str) -> Response:
        """An ExportTraceServiceResponse: which spans became dead letters, so that nobody sends them again."""
        rejected = len(outcome.refused)
        message = f"kept as dead letters, the first because: {outcome.refused[0].detail}" if rejected else ""
        if content_type == _JSON:
            partial = {"rejectedSpans": str(rejected), "errorMessage": message}
            return Response(msgspec.json.encode({"partialSuccess": partial} if rejected else {}), media_type=_JSON)
        answer = ExportTraceServiceResponse()
        if rejected:
            answer.partial_success.rejected_spans = rejected
            answer.partial_success.error_message = message
        return Response(answer.SerializeToString(), media_type=_PROTOBUF)
