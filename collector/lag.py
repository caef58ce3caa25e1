"""How far a pipeline is behind in time: told by the chunk that it holds, not by the last one that it got rid of."""

from __future__ import annotations

import threading


class Lag:
    """How long the oldest record that was read, and is not safe, has waited. Instants are seconds since 1970.

    Between two chunks it is what the last one had waited. From any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[float] = []
        self._last = 0.0

    def hold(self, handed_in: float) -> None:
        """A chunk was read whose oldest record was handed in then."""
        with self._lock:
            self._held.append(handed_in)

    def release(self, handed_in: float, now: float) -> float:
        """That chunk is safe; returns how long its oldest record had waited."""
        with self._lock:
            self._held.remove(handed_in)
            self._last = max(0.0, now - handed_in)
            return self._last

    def rest(self) -> None:
        """There is nothing to read."""
        with self._lock:
            self._last = 0.0

    def seconds(self, now: float) -> float:
        """How far behind it is at `now`."""
        with self._lock:
            return max(0.0, now - min(self._held)) if self._held else self._last
