"""Keeps the records in a list, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from tokentide.config import Settings


class MemoryTransport:
    """Everything that was sent is in `records`, in order."""

    def __init__(self, settings: Settings) -> None:
        self.records: list[bytes] = []

    def send(self, records: Sequence[bytes], timeout_s: float) -> None:
        """Keep the records."""
        self.records.extend(records)

    def renewed(self) -> MemoryTransport:
        """Itself: the records stay in one list."""
        return self

    def close(self) -> None:
        """Nothing to give up."""

    def forget(self) -> None:
        """The parent's records are not the child's."""
        self.records = []
