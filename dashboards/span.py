"""What a reader asks for: from when until when, in which steps, for which teams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

STEPS: Final = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
"""Seconds. A step of an hour or more is answered from the hours, a shorter one from the minutes."""

_MOST_POINTS: Final = 120
_LONGEST: Final = timedelta(days=400)
_MOST_TEAMS: Final = 1000


class SpanError(ValueError):
    """The parameters do not say which range is meant; the message says how to write them."""


@dataclass(frozen=True, slots=True)
class Span:
    """The instants [start, end), the step in seconds, and the teams (none = all)."""

    start: datetime
    end: datetime
    step: int
    teams: tuple[str, ...]


def step_for(length: timedelta) -> int:
    """The shortest of `STEPS` that divides `length` into at most 120 points, or the longest there is."""
    wanted = length.total_seconds() / _MOST_POINTS
    return next((step for step in STEPS if step >= wanted), STEPS[-1])


def parse_span(parameters: Iterable[tuple[str, str]]) -> Span:
    """The span in the query parameters `from`, `to` (once each) and `teams` (any number). Raises SpanError."""
    given: dict[str, list[str]] = {"from": [], "to": [], "teams": []}
    for name, text in parameters:
        if name not in given:
            raise SpanError(f"There is no parameter {name!r}: use from, to and teams.")
        given[name].append(text)
    start, end = _instant("from", given["from"]), _instant("to", given["to"])
    if not timedelta(0) < end - start <= _LONGEST:
        raise SpanError("'from' must be before 'to', and not more than 400 days before it.")
    if len(given["teams"]) > _MOST_TEAMS:
        raise SpanError("Give at most 1000 teams; without any, all are meant.")
    return Span(start, end, step_for(end - start), tuple(given["teams"]))


def _instant(name: str, texts: list[str]) -> datetime:
    wanted = f"Give {name!r} once, as an instant with a time zone such as 2026-11-20T12:00:00Z."
    try:
        (text,) = texts
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpanError(wanted) from error
    if instant.tzinfo is None or not 1970 < instant.year < 2200:
        raise SpanError(wanted)
    return instant
