from __future__ import annotations

from datetime import timedelta

import pytest

from server.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [("30m", timedelta(minutes=30)), (" 24h ", timedelta(hours=24)), ("7d", timedelta(days=7)), ("2w", timedelta(14))],
)
def test_a_number_and_a_unit_is_a_length_of_time(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "h", "24", "-1h", "0h", "1.5h", "24 h", "1y", "24h7m", "٣h"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 24h"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["150000w", "999999999w", "3651d"])
def test_more_than_ten_years_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 3650 days"):
        parse_duration(text)
