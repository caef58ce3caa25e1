"""The end of a producer while other threads go on: every event is delivered, spooled or counted, and only once."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from emitted import call_ids, calls, read, spooled
from tokentide.call import LLMCall
from tokentide.config import Settings, load
from tokentide.emitter import Emitter
from tokentide.transports.memory import MemoryTransport


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({}, spool_dir=tmp_path / "spool", transport="memory")


def every_event_has_one_fate(found: Sequence[bytes]) -> None:
    """By the last report of each producer, all of which are closed."""
    numbers: dict[str, set[int]] = {}
    for call in calls(found):
        numbers.setdefault(call["producer_id"], set()).add(call["seq"])
    reports = {report["producer_id"]: report for report in map(json.loads, found) if report.get("closed")}
    assert numbers.keys() <= reports.keys()
    for producer, report in reports.items():
        assert len(numbers.get(producer, ())) + sum(report["dropped"].values()) == report["emitted"]


def test_two_threads_that_close_at_once_close_a_worker_each(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As threads of the app do that emit while the process ends."""
    other = threading.Thread(target=lambda: emitter.close(30))

    class Shared(MemoryTransport):
        def renewed(self) -> MemoryTransport:
            """Both get here before one of them goes on."""
            if threading.current_thread() is not other:
                other.start()
                assert may_go_on.wait(30)
            return self

    def reading(attempt: Any, producer_id: str, seq: int) -> LLMCall:
        may_go_on.set()
        if threading.current_thread() is other:
            assert both_close.wait(30)
        return read(attempt, producer_id, seq)

    may_go_on, both_close = threading.Event(), threading.Event()
    emitter = Emitter(settings, Shared(settings), reading)
    emitter._worker.put("a", 1)
    emitter._worker.put("b", 1)
    emitter.close(30)
    both_close.set()
    other.join()
    found = spooled(settings)
    assert call_ids(found) == ["a", "b"]
    assert sum(b'"closed":true' in record for record in found) == 1
    every_event_has_one_fate(found)
