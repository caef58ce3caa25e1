"""What the emitter tells in the app's log: each kind of it once in a process, and all of it from the worker."""

from __future__ import annotations

import logging
from typing import Final

from tokentide.hooks._guard import MAX_FAILURES

HOOKS_FAILED: Final = (
    "steps of tokentide have failed: the app is not affected, but calls are missing or incomplete, and once a step has "
    f"failed {MAX_FAILURES} times in a row none is recorded until the process starts anew"
)

_logger = logging.getLogger("tokentide")
_said: set[str] = set()


class Notices:
    """Those of one producer that are not in the log yet."""

    def __init__(self) -> None:
        self._unsaid: list[str] = []

    def add(self, kind: str, message: str) -> None:
        """Something is to be told, unless another of its kind was."""
        if kind not in _said:
            _said.add(kind)
            self._unsaid.append(message)

    def say(self) -> None:
        """Log what there is to say. Not where it is found: a log of the app's may keep its caller waiting."""
        while self._unsaid:
            _logger.warning("%s (said once)", self._unsaid.pop(0))
