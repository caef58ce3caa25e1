"""What is tried again and again in vain: after some tries it is no passing trouble, and /readyz is to say so."""

from __future__ import annotations

from typing import Final

# With the pauses between them about a minute, which is longer than a restart of the store takes.
_PATIENCE: Final = 7


class Setbacks:
    """Counts the tries in a row that failed. `reason` says so from `patience` of them on, and is empty before.

    Written by one thread, read by any.
    """

    def __init__(self, patience: int = _PATIENCE) -> None:
        self._patience = patience
        self._tries = 0

    def add(self) -> None:
        """A try has failed."""
        self._tries += 1

    def end(self) -> None:
        """A try has succeeded."""
        self._tries = 0

    @property
    def reason(self) -> str:
        """What to do; nothing of an event, nor of an error that may quote one."""
        tries = self._tries
        if tries < self._patience:
            return ""
        return (
            f"what was read could not be stored in {tries} tries in a row: the log says why, correct that. "
            "Nothing is lost, and it is tried again until it succeeds"
        )
