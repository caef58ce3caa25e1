from datetime import timedelta

import pytest

from alerts.duration import parse_duration


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("90s", 90), ("2m", 120), ("1h30m", 5400), ("1d", 86_400)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "-2m", "2 m", "30m1h", "1.5h", "2M"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write for example 30s"):
        parse_duration(text)
