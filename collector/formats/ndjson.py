"""Tokentide's own events, one JSON object a line."""

from __future__ import annotations

import io
from collections import Counter
from itertools import islice

from starlette.responses import JSONResponse, Response

from collector.config import CollectorConfig
from collector.record import Outcome


class Ndjson:
    """What the SDK sends: every line is an event already."""

    place = "http"

    def __init__(self, config: CollectorConfig) -> None:
        self._most = config.max_request_events

    def read(self, body: bytes, content_type: str) -> list[bytes]:
        """The lines. Of too many, one more than are taken: a body of tiny lines would fill the memory."""
        return list(islice((line for line in io.BytesIO(body) if line.strip()), self._most + 1))

    def answer(self, outcome: Outcome, content_type: str) -> Response:
        """How many records are stored and how many are dead letters, with their reasons if there are any."""
        reasons = Counter(dead.reason for dead in outcome.refused)
        said = {"stored": outcome.stored, "dead_letters": reasons.total()}
        return JSONResponse({**said, "reasons": reasons} if reasons else said)
