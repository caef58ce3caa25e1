"""An import into memory that can be cut off after any batch, for tests of how it goes on."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from server.config import Config
from server.import_command import import_into
from server.import_options import ImportOptions
from server.import_target import Taken


class Cut(Exception):
    """The import ends here, as when its process is killed."""


class Memory:
    """Takes so many batches of events and is then cut off; every seventh byte sum is refused."""

    def __init__(self, batches: int = 1_000_000, name: str = "memory") -> None:
        self.name = name
        self.batches = batches
        self.taken: list[bytes] = []
        self.places: list[int] = []

    def take(self, events: Sequence[bytes], first: int = 0) -> Taken:
        if not self.batches:
            raise Cut
        self.batches -= 1
        self.taken += events
        self.places += range(first, first + len(events))
        refused = sum(sum(event) % 7 == 0 for event in events)
        return Taken(len(events) - refused, Counter({"wrong_type": refused} if refused else {}))

    def finish(self, shown: Callable[[int], object]) -> None:
        pass

    def close(self) -> None:
        pass


def run(target: Memory, options: ImportOptions, positions: Path | None, config: Config = Config()) -> list[str]:  # noqa: B008
    """What an import says; it raises Cut when it is cut off."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        import_into(target, config, options, positions)
    return said.getvalue().splitlines()


def a_generation(number: int) -> dict[str, Any]:
    return {"id": f"o{number}", "type": "GENERATION", "startTime": "2026-11-20T11:00:00Z", "model": "gpt-5"}
