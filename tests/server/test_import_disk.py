"""An import into an embedded store whose disk gets full: it ends before the engine breaks, and is made good by another."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOW
from events import a_call
from running_pipeline import decoder
from tokentide_process import tokentide

from collector.disk import disk_trouble
from server.import_target import IntoStore
from server.programs import utc_now
from store.connection import Store
from store.errors import StoreError
from store.sql import Query

COUNTS = Query(
    "counts",
    "One row = all.",
    "SELECT count(), (SELECT sum(attempts) FROM call_minutes FINAL) FROM llm_calls FINAL",
    {},
)
PLENTY, LITTLE = 10**9, 3 * 2**20


def never(seconds: float) -> None:
    raise AssertionError("nothing has to be waited for")


def into(store: Store, folder: Path, *free: int) -> IntoStore:
    """Into a store on a disk that has so much space left each time it is looked at."""
    left = iter(free)
    return IntoStore(
        store, decoder(), lambda: NOW, never, lambda: disk_trouble(folder, 2**29, lambda folder: next(left))
    )


def test_what_was_imported_before_the_disk_is_full_is_kept_and_counts_once(store: Store, tmp_path: Path) -> None:
    batches = [[a_call(seq=10 * batch + n).to_json() for n in range(10)] for batch in range(5)]
    target = into(store, tmp_path, PLENTY, PLENTY, LITTLE, LITTLE)
    for batch in batches[:2]:
        target.take(batch)
    sentence = r"has 3 MiB left.* below 512 MiB.*: run the import again, nothing is counted twice"
    with pytest.raises(StoreError, match=sentence):
        target.take(batches[2])
    with pytest.raises(StoreError, match=sentence):
        target.finish(lambda left: None)
    assert store.query(COUNTS).rows == [(20, 0)]
    again = into(store, tmp_path, *[PLENTY] * 9)
    for batch in batches:
        again.take(batch)
    again.finish(lambda left: None)
    assert store.query(COUNTS).rows == [(50, 50)]


def test_the_command_looks_at_the_disk_of_its_store(tmp_path: Path) -> None:
    started = utc_now() - timedelta(hours=1)
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(a_call(started_at=started, seq=n).to_json() for n in range(3)))
    command = ("import", "events.jsonl", "--from", "jsonl")
    full = tokentide(tmp_path, *command, TOKENTIDE_STORE__LEAST_FREE_BYTES=str(2**60))
    assert full.returncode == 1
    assert "free some space; what was imported is kept: run the import again" in full.stderr
    done = tokentide(tmp_path, *command)
    assert (done.returncode, done.stdout) == (0, "3 records read, 3 stored\n"), done.stderr
    report = tokentide(tmp_path, "report", "cost", "--format", "json")
    assert json.loads(report.stdout)[-1]["attempts"] == 3
