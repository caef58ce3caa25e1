"""Runs the steps of the hooks so that none of their failures reaches the app."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from tokentide.signals import came_from_a_signal

MAX_FAILURES: Final = 100

Step: TypeAlias = Callable[..., Any]


class Guard:
    """Called with a step and its arguments: the step's result, or None when it failed, which is counted.

    `is_broken` once a step has failed 100 times in a row, however well the others do. An exception of a signal handler
    of the app, a time limit for example, goes on to the app: it only happened to come while a step ran.
    """

    def __init__(self, count_failure: Callable[[], object]) -> None:
        self.is_broken = False
        self._count_failure = count_failure
        self._rows: dict[Step, int] = {}  # how often in a row each step has failed; those that have not are not in it

    def __call__(self, step: Step, *arguments: Any) -> Any:
        """Runs one step."""
        try:
            result = step(*arguments)
        except Exception as error:  # noqa: BLE001  # whatever fails in a step of ours, the app must not see it
            self.failed(step, error)
            return None
        if self._rows:
            self.succeeded(step)
        return result

    def ask(self, step: Step, *arguments: Any) -> Any:
        """Runs one step that may find nothing to do, which None says: that ends no row of failures."""
        try:
            result = step(*arguments)
        except Exception as error:  # noqa: BLE001  # as above
            self.failed(step, error)
            return None
        if self._rows and result is not None:
            self.succeeded(step)
        return result

    def failed(self, step: Step, error: Exception) -> None:
        """A step has failed, where a call for it would cost the app too much."""
        if came_from_a_signal(error):
            raise error
        name = _name(step)
        self._rows[name] = failures = self._rows.get(name, 0) + 1
        if failures >= MAX_FAILURES:
            self.is_broken = True
        with suppress(Exception):  # there is nobody left to tell
            self._count_failure()

    def succeeded(self, step: Step) -> None:
        """A step has not failed, which ends its row."""
        if self._rows:
            self._rows.pop(_name(step), None)


def _name(step: Step) -> Step:
    """What a step is known by: a method is the same step for all objects."""
    method: Step = getattr(step, "__func__", step)
    return method
