from __future__ import annotations

from collector.config import CollectorConfig
from collector.sources.http import HttpIntake


def sizes(config: CollectorConfig, requests: list[list[bytes]]) -> list[int]:
    """How many records each read brings."""
    intake = HttpIntake(config)
    for events in requests:
        intake.submit(events)
    found = []
    while intake.waiting():
        chunk = intake.read()
        found.append(len(chunk.records) if chunk else 0)
    intake.close()
    return found


def test_a_batch_is_bounded_by_rows_and_by_bytes_and_cuts_no_request() -> None:
    requests = [[b"x" * 800] * 3] * 5  # 3,000 bytes each, with what a record takes beside its own
    assert sizes(CollectorConfig(), requests) == [15]
    assert sizes(CollectorConfig(batch_bytes=6_000), requests) == [6, 6, 3]
    assert sizes(CollectorConfig(batch_bytes=1), requests) == [3, 3, 3, 3, 3]
    assert sizes(CollectorConfig(batch_rows=4), requests) == [6, 6, 3]
