"""Decoded batches for tests of what comes after decoding."""

from __future__ import annotations

from datetime import timedelta

from conftest import NOW
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.price_book.resolve import Resolver
from collector.record import Batch, Record


def batch_of(*bodies: bytes, days: int = 30) -> Batch:
    """The batch of these records, as if they came from partition 0 of topic `calls` at `NOW`."""
    decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=days), timedelta(minutes=10))
    return decoder.decode([Record("calls/0", offset, body) for offset, body in enumerate(bodies)], NOW)
