"""For the tests of an application: what its calls to language models would have reported.

def test_answers_are_billed_to_search():
    with capture_calls() as calls:
        answer("Where is my card?")
    assert [call.team for call in calls] == ["search"]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from tempfile import TemporaryDirectory
from typing import Any, Final, overload

import tokentide
from tokentide.call import LLMCall
from tokentide.emitter import Emitter
from tokentide.transports.memory import MemoryTransport

FLUSH_TIMEOUT_S: Final = 10.0


class CapturedCalls(Sequence[LLMCall]):
    """The calls so far, in the order in which they ended; every look at it waits until all of them are read."""

    def __init__(self, emitter: Emitter, transport: MemoryTransport) -> None:
        self._emitter = emitter
        self._transport = transport

    def __len__(self) -> int:
        return len(self._calls())

    @overload
    def __getitem__(self, index: int) -> LLMCall: ...
    @overload
    def __getitem__(self, index: slice) -> list[LLMCall]: ...
    def __getitem__(self, index: int | slice) -> LLMCall | list[LLMCall]:
        return self._calls()[index]

    def __iter__(self) -> Iterator[LLMCall]:
        return iter(self._calls())

    def __repr__(self) -> str:
        return repr(self._calls())

    def _calls(self) -> list[LLMCall]:
        if not self._emitter.flush(FLUSH_TIMEOUT_S):
            raise TimeoutError("the recorded calls could not be read, see the log of 'tokentide'")
        return [
            LLMCall.from_json(record) for record in self._transport.records if not record.startswith(b'{"report_id"')
        ]


@contextmanager
def capture_calls(**settings: Any) -> Iterator[CapturedCalls]:
    """Record the calls inside the block in memory; nothing is sent anywhere.

    `settings` are those of `tokentide.instrument`, for example `content="full"`. The result can be read inside the
    block and after it. If the process was instrumented before, it is so again afterwards.
    """
    earlier = tokentide._running
    tokentide.uninstrument()
    # A spool of its own: what another test process left in the usual one is none of these calls.
    with TemporaryDirectory(ignore_cleanup_errors=True) as spool_dir:
        tokentide.instrument("memory", **{"spool_dir": spool_dir, **settings})
        try:
            assert tokentide._running is not None
            emitter = tokentide._running[2]
            assert isinstance(emitter.transport, MemoryTransport)
            yield CapturedCalls(emitter, emitter.transport)
        finally:
            tokentide.uninstrument()
            if earlier is not None:
                tokentide.instrument(**{each.name: getattr(earlier[0], each.name) for each in fields(earlier[0])})
