"""What tests of the emitter share: the simplest attempt and its reader, and how to look at records."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tokentide.call import LLMCall
from tokentide.config import Settings
from tokentide.spool import Spool, spool_folder

STARTED = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)


def read(attempt: Any, producer_id: str, seq: int) -> LLMCall:
    """An attempt here is a text, which becomes `call_id`; the text "unreadable" is one that cannot be read."""
    if attempt == "unreadable":
        raise KeyError(attempt)
    return LLMCall(call_id=str(attempt), operation_id="o", producer_id=producer_id, seq=seq, started_at=STARTED)


def calls(records: Iterable[bytes]) -> list[dict[str, Any]]:
    """The records that are calls."""
    return [record for record in map(json.loads, records) if "call_id" in record]


def call_ids(records: Iterable[bytes]) -> list[str]:
    return [call["call_id"] for call in calls(records)]


def last_report(records: Iterable[bytes]) -> dict[str, Any]:
    return [record for record in map(json.loads, records) if "report_id" in record][-1]


def open_spool(folder: Path, max_bytes: int = 1 << 40) -> Spool:
    """A spool whose records never become too old."""
    return Spool(folder, max_bytes, float(1 << 33))


def drain(spool: Spool) -> list[bytes]:
    """Every record that `spool` finds; they are gone from there afterwards."""
    found = []
    while batch := spool.batch(100_000, 1 << 40):
        found += batch
        spool.acknowledge(len(batch))
    return found


def spooled(settings: Settings) -> list[bytes]:
    """Every record in the spool of this destination; they are gone from there afterwards."""
    return drain(open_spool(spool_folder(settings)))


def eventually(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    """Poll until the condition holds; it fails the test when it does not in time."""
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, "this did not happen in time"
        time.sleep(0.02)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
