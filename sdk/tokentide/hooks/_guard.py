"""Runs the steps of the hooks so that none of their failures reaches the app."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

MAX_FAILURES: Final = 100


class Guard:
    """Called with a step and its arguments: the step's result, or None when it failed, which is counted.

    `is_broken` after 100 failures in a row; `succeeded` ends a row. An exception of a signal handler of the app, a
    time limit for example, goes on to the app: it only happened to come while a step ran.
    """

    def __init__(self, count_failure: Callable[[], object]) -> None:
        self._count_failure = count_failure
        self._failures = 0

    @property
    def is_broken(self) -> bool:
        """Whether it failed too often."""
        return self._failures >= MAX_FAILURES

    def succeeded(self) -> None:
        """Something went as it should."""
        self._failures = 0

    def __call__(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Runs one step."""
        try:
            return step(*arguments)
        except Exception as error:  # noqa: BLE001  # whatever fails in a step of ours, the app must not see it
            self.failed(error)
            return None

    def failed(self, error: Exception) -> None:
        """A step has failed, where a call for it would cost the app too much."""
        if _came_from_a_signal(error.__traceback__):
            raise error
        self._failures += 1
        with suppress(Exception):  # there is nobody left to tell
            self._count_failure()


def _came_from_a_signal(traceback: TracebackType | None) -> bool:
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()} - {None}
    while handlers and traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False
