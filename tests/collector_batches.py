"""Decoded batches for tests of what comes after decoding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from conftest import NOW
from tokentide.version import VERSION

from collector.allocation.capacity import CapacityConfig
from collector.decode import Decoder
from collector.price_book.resolve import Resolver
from collector.record import Batch, Record


def batch_of(
    *bodies: bytes, days: int = 30, capacity: Mapping[str, CapacityConfig] | None = None, now: datetime = NOW
) -> Batch:
    """The batch of these records, as if they came from partition 0 of topic `calls` at `now`."""
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=days), timedelta(minutes=10), capacity=capacity)
    return decoder.decode([Record("calls/0", offset, body) for offset, body in enumerate(bodies)], now)
