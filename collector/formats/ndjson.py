"""Tokentide's own events, one JSON object a line."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from collector.record import Outcome


class Ndjson:
    """What the SDK sends: every line is an event already."""

    place = "http"

    def read(self, body: bytes, content_type: str) -> list[bytes]:
        """The lines."""
        return [line for line in body.splitlines() if line.strip()]

    def answer(self, outcome: Outcome, content_type: str) -> Response:
        """How many records are stored and how many are dead letters."""
        return JSONResponse({"stored": outcome.stored, "dead_letters": len(outcome.refused)})
