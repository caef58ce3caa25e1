from __future__ import annotations

from datetime import datetime, timezone

import pytest

from server.instant import parse_instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=timezone.utc)),
        ("2026-11-20T12:00:00", datetime(2026, 11, 20, 12, tzinfo=timezone.utc)),
        ("2026-11-20T12:00:00Z", datetime(2026, 11, 20, 12, tzinfo=timezone.utc)),
        ("2026-11-20T12:00:00+02:00", datetime(2026, 11, 20, 10, tzinfo=timezone.utc)),
    ],
)
def test_an_instant_is_in_utc(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is timezone.utc


@pytest.mark.parametrize(
    "text",
    ["", "soon", 5, None, "0001-01-01", "1970-01-01T00:00:00+01:00", "2106-01-01", "9999-12-31T23:59:59-14:00"],
)
def test_what_is_none_or_what_no_store_can_hold_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no instant from 1970 to 2105: write 2026-11-20"):
        parse_instant(text)
