from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.config import RANGES
from dashboards.span import STEPS, Span, SpanError, parse_span, step_for

FROM, TO = "2026-11-20T11:00:00Z", "2026-11-20T12:00:00.000Z"


def test_a_span_has_two_instants_a_step_and_teams() -> None:
    span = parse_span([("from", FROM), ("to", "2026-11-20T14:00:00+02:00"), ("teams", "a"), ("teams", "b")])
    hour = datetime(2026, 11, 20, 11, tzinfo=timezone.utc)
    assert span == Span(hour, hour + timedelta(hours=1), 60, ("a", "b"))


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ([("from", FROM)], "Give 'to' once, as an instant with a time zone such as 2026-11-20T12:00:00Z."),
        ([("from", FROM), ("from", FROM), ("to", TO)], "Give 'from' once"),
        ([("from", "yesterday"), ("to", TO)], "Give 'from' once, as an instant"),
        ([("from", "2026-11-20T11:00:00"), ("to", TO)], "with a time zone"),
        ([("from", "0001-01-01T00:00:00Z"), ("to", TO)], "as an instant"),
        ([("from", TO), ("to", FROM)], "'from' must be before 'to'"),
        ([("from", TO), ("to", TO)], "'from' must be before 'to'"),
        ([("from", "2020-11-20T11:00:00Z"), ("to", TO)], "not more than 400 days"),
        ([("from", FROM), ("to", TO), ("team", "a")], "There is no parameter 'team': use from, to and teams."),
        ([("from", FROM), ("to", TO), *[("teams", "a")] * 1001], "at most 1000 teams"),
    ],
)
def test_wrong_parameters_are_answered_with_a_sentence(parameters: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(SpanError, match=sentence.replace("(", r"\(")):
        parse_span(parameters)


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_a_step_is_one_of_the_steps_and_no_longer_than_needed(length: timedelta) -> None:
    step = step_for(length)
    assert step in STEPS
    shorter = [other for other in STEPS if other < step]
    assert not shorter or length.total_seconds() / shorter[-1] > 120


@pytest.mark.parametrize("seconds", RANGES.values())
def test_every_range_of_the_page_has_between_15_and_120_points(seconds: int) -> None:
    assert 15 <= seconds / step_for(timedelta(seconds=seconds)) <= 120
