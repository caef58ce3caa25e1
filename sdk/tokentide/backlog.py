"""What waits between the app's threads and the worker: bounded in number and in bytes, without a lock."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import suppress
from typing import Any, Final

_THREADS_AT_ONCE: Final = 64


class Backlog:
    """Attempts in their order, each with its number. Any thread may put, one takes.

    When there are too many the oldest falls out. When they hold too many bytes the new one is not kept, only its
    number. So the one that takes sees by the numbers how many there were.
    """

    def __init__(self, max_attempts: int, max_bytes: int) -> None:
        self._items: deque[tuple[int, Any, int]] = deque(maxlen=max_attempts)
        self._append = self._items.append
        self._numbers = itertools.count(1)
        self._max_attempts, self._max_bytes = max_attempts, max_bytes
        self._put_bytes = self._gone_bytes = 0
        # Threads that leave something out at once may write their numbers down in any order.
        self._left_out: deque[int] = deque(maxlen=_THREADS_AT_ONCE)

    def __len__(self) -> int:
        return len(self._items)

    def put(self, attempt: object, size: int) -> None:
        """Add an attempt that keeps `size` bytes of memory."""
        # Two threads at once may miscount. That is put right when all is taken; a lock would cost them more.
        if len(self._items) == self._max_attempts:
            with suppress(IndexError):  # the worker was quicker
                self._gone_bytes += self._items.popleft()[2]
        if self._put_bytes - self._gone_bytes + size > self._max_bytes:
            self._left_out.append(next(self._numbers))
            return
        self._put_bytes += size
        self._append((next(self._numbers), attempt, size))

    def take(self) -> tuple[int, Any]:
        """The oldest attempt with its number. Raises IndexError when there is none."""
        number, attempt, size = self._items.popleft()
        self._gone_bytes = self._gone_bytes + size if self._items else self._put_bytes
        return number, attempt

    def last_left_out(self) -> int:
        """The highest number of an attempt that was not kept, 0 when all were."""
        return max(tuple(self._left_out), default=0)

    def more_than_half_full(self) -> bool:
        """Whether it is time to make room."""
        size = self._put_bytes - self._gone_bytes
        return 2 * len(self._items) > self._max_attempts or 2 * size > self._max_bytes
