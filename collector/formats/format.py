"""What a format of the HTTP intake must do."""

from __future__ import annotations

from typing import Protocol

from starlette.responses import Response

from collector.record import Outcome


class Unreadable(Exception):
    """The body is not what it says it is: the message says what is wrong."""


class Format(Protocol):
    """A language in which events may be handed in.

    `place` is where its records come from, as the column `log_place` names it.
    """

    place: str

    def read(self, body: bytes, content_type: str) -> list[bytes]:
        """The events in an unpacked body, each as the JSON object of one wire event. Pure.

        Raises Unreadable when nothing of the body can be read. A part that cannot be read becomes a record as well,
        in its own bytes: the decoder keeps it as a dead letter.
        """

    def answer(self, outcome: Outcome, content_type: str) -> Response:
        """What the sender expects when its events are stored or kept as dead letters."""
