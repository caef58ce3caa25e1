"""The hook engine with a list in the place of the emitter: what a test's calls left behind, read as events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tokentide.call import LLMCall
from tokentide.config import Settings, load
from tokentide.hooks._engine import Engine
from tokentide.hooks._read import Reader
from tokentide.hooks.attempt import Attempt


class Recorder:
    """Takes attempts as the emitter would."""

    def __init__(self, settings: Settings) -> None:
        self.attempts: list[Attempt] = []
        self.hook_errors = 0
        self._read = Reader(settings, self.count_hook_error)

    def emit(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def count_hook_error(self) -> None:
        self.hook_errors += 1

    def calls(self) -> list[LLMCall]:
        """The events so far; no step of the engine may have failed."""
        assert self.hook_errors == 0
        return [self._read(attempt, "producer", seq) for seq, attempt in enumerate(self.attempts, 1)]

    def call(self) -> LLMCall:
        """The only event so far."""
        (only,) = self.calls()
        return only


@contextmanager
def recording(content: str = "off", **settings: object) -> Iterator[Recorder]:
    """Records inside the block."""
    loaded = load(transport="memory", content=content, **settings)
    recorder = Recorder(loaded)
    engine = Engine(recorder, captures=loaded.captures, usage_hosts=loaded.include_usage_hosts)
    engine.start()
    try:
        yield recorder
    finally:
        engine.stop()
