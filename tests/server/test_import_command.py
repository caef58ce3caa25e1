"""Importing over real files, into a real store and into a running tokentide."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from tokentide.call import ProducerReport
from tokentide_process import running_up, tokentide

from collector.config import CollectorConfig
from collector.price_book.book import seed_prices
from server import import_records
from server.config import Config, ConfigError
from server.import_command import import_into, parse_until, run_import
from server.import_options import ImportOptions
from server.import_target import Checks, IntoStore
from server.programs import make_decoder, utc_now
from store.config import StoreConfig
from store.connection import Store
from store.sql import Query

CONFIG = Config(collector=CollectorConfig(accept_past_days=30))
RECENT = NOW - timedelta(hours=1)

TOTALS = Query(
    "totals",
    "One row = all.",
    "SELECT sum(attempts), sum(input_tokens), sum(cost), (SELECT count() FROM llm_calls FINAL) FROM call_minutes FINAL",
    {},
)
CALLERS = Query(
    "callers", "One row = a caller.", "SELECT team, app, count() FROM llm_calls FINAL GROUP BY ALL ORDER BY ALL", {}
)


class Shared(IntoStore):
    """Into the store of a test, which stays open."""

    def close(self) -> None:
        pass


def never(seconds: float) -> None:
    raise AssertionError("nothing has to be waited for")


def into(store: Store) -> Shared:
    seed_prices(store, NOW)
    return Shared(store, make_decoder(CONFIG, store), lambda: NOW, never)


def a_file(folder: Path, name: str, *records: Any) -> str:
    written = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    (folder / name).write_bytes(b"\n".join(written) + b"\n")
    return str(folder / name)


def a_generation(number: int, **changes: Any) -> dict[str, Any]:
    said = {
        "id": f"observation-{number}",
        "type": "GENERATION",
        "startTime": RECENT.isoformat(),
        "model": "gpt-5",
        "usageDetails": {"input": 36, "input_cached_tokens": 64, "output": 96},
    }
    return {**said, **changes}


FILES: dict[str, tuple[str, list[Any]]] = {
    "jsonl": (
        "jsonl",
        [a_call(started_at=RECENT, seq=n, call_id=f"0000000{n}-0000-7000-8000-000000000000").to_json() for n in (1, 2)],
    ),
    "langfuse": ("langfuse", [a_generation(1), a_generation(2), a_generation(3, type="SPAN")]),
    "litellm": (
        "litellm",
        [
            {
                "id": f"chatcmpl-{n}",
                "call_type": "acompletion",
                "startTime": RECENT.timestamp(),
                "status": "success",
                "custom_llm_provider": "openai",
                "model": "gpt-5",
                "metadata": {
                    "usage_object": {
                        "prompt_tokens": 100,
                        "completion_tokens": 96,
                        "prompt_tokens_details": {"cached_tokens": 64},
                    }
                },
            }
            for n in (1, 2)
        ],
    ),
}


@pytest.mark.parametrize(("kind", "records"), FILES.values(), ids=FILES)
def test_what_is_imported_twice_counts_once(kind: Any, records: list[Any], store: Store, tmp_path: Path):
    file = a_file(tmp_path, "records", *records)
    seen = []
    for _ in range(2):
        assert import_into(into(store), CONFIG, ImportOptions(file, kind)) == 0
        seen.append(store.query(TOTALS).rows[0])
    assert seen[0] == seen[1]
    assert seen[0] == (2, 200, Decimal("0.002026"), 2)


def test_everything_that_is_refused_is_said_with_its_reason_and_its_line(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = a_file(
        tmp_path,
        "records",
        a_generation(1),
        a_generation(2, type="SPAN"),
        b"nonsense",
        a_generation(3, startTime="2020-01-01T00:00:00Z"),
        a_generation(4, startTime="later"),
        a_generation(5, startTime=""),
    )
    assert import_into(into(store), CONFIG, ImportOptions(file, "langfuse")) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:-1] == [
        "6 records read, 1 stored",
        "  1 left out: span: only generations and embeddings ask a model",
        "  1 are dead letters: ancient_timestamp",
        "  1 unreadable, the first one on line 3: not JSON: Expecting value",
        "  2 unreadable, the first one on line 5: it has no id, no type or no startTime",
    ]
    assert said[-1].startswith("Events older than collector.accept_past_days (30 where this command runs) are refused")


def test_a_file_that_ends_too_early_is_said_and_what_came_before_is_stored(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    events = b"\n".join(a_call(started_at=RECENT, seq=n).to_json() for n in range(100))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(events)[:-20])
    with pytest.raises(ConfigError, match="cannot be read to its end"):
        import_into(into(store), CONFIG, ImportOptions(str(tmp_path / "cut.jsonl.gz"), "jsonl"))
    assert capsys.readouterr().out.endswith(" stored\n")
    (tmp_path / "cut.json").write_text(f"[{json.dumps(a_generation(1))}, {{")
    assert import_into(into(store), CONFIG, ImportOptions(str(tmp_path / "cut.json"), "langfuse")) == 1
    assert store.query(TOTALS).rows[0][0] == 1


def test_a_line_that_breaks_a_file_off_leaves_what_came_before(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(import_records, "_LONGEST", 1000)
    file = a_file(tmp_path, "events", a_call(started_at=RECENT).to_json(), b"x" * 3_000_000)
    with pytest.raises(ConfigError, match="line 2 is longer"):
        import_into(into(store), CONFIG, ImportOptions(file, "jsonl"))
    assert store.query(TOTALS).rows[0][0] == 1


def test_a_file_that_is_not_there_is_an_error(store: Store):
    with pytest.raises(ConfigError, match="correct its name"):
        import_into(into(store), CONFIG, ImportOptions("missing.jsonl", "jsonl"))


def test_team_and_app_are_given_to_those_that_name_none(store: Store, tmp_path: Path):
    report = ProducerReport(report_id="r", producer_id="p", reported_at=RECENT, emitted=2)
    named, unnamed = a_call(started_at=RECENT, seq=1), a_call(started_at=RECENT, seq=2, team="", app="")
    file = a_file(tmp_path, "events", named.to_json(), unnamed.to_json(), report.to_json())
    assert import_into(into(store), CONFIG, ImportOptions(file, "jsonl", team="ops", app="batch")) == 0
    file = a_file(tmp_path, "generations", a_generation(1), a_generation(2, metadata={"team": "search"}))
    assert import_into(into(store), CONFIG, ImportOptions(file, "langfuse", team="ops", app="batch")) == 0
    assert store.query(CALLERS).rows == [("ops", "batch", 2), ("search", "batch", 1), ("search", "shop", 1)]


def test_what_a_killed_import_has_left_is_rolled_up_by_the_next(store: Store, tmp_path: Path):
    events = [a_call(started_at=RECENT, seq=n).to_json() for n in (1, 2)]
    killed = into(store)
    killed.take(events[:1])
    assert store.query(TOTALS).rows[0][0] == 0
    file = a_file(tmp_path, "events", a_call(started_at=RECENT - timedelta(minutes=5)).to_json())
    import_into(into(store), CONFIG, ImportOptions(file, "jsonl"))
    assert store.query(TOTALS).rows[0][0] == 2


def test_a_call_that_is_older_than_calls_are_kept_is_refused(store: Store, tmp_path: Path):
    kept = Config(collector=CONFIG.collector, store=StoreConfig(keep_calls_days=7, keep_texts_days=7))
    old = a_call(started_at=RECENT - timedelta(days=8)).to_json()
    file = a_file(tmp_path, "events", old, a_call(started_at=RECENT).to_json())
    seed_prices(store, NOW)
    target = Shared(store, make_decoder(kept, store), lambda: NOW, never)
    assert import_into(target, kept, ImportOptions(file, "jsonl")) == 1
    assert store.query(TOTALS).rows[0][3] == 1
    dry = ImportOptions(file, "jsonl", dry_run=True)
    assert import_into(Checks(make_decoder(kept, None), lambda: NOW), kept, dry) == 1


def test_a_call_that_a_hook_has_recorded_too_counts_once(store: Store, tmp_path: Path):
    collect(store, a_call(started_at=RECENT, response_id="chatcmpl-1"))
    file = a_file(tmp_path, "payloads", FILES["litellm"][1][0])
    assert import_into(into(store), CONFIG, ImportOptions(file, "litellm")) == 0
    assert store.query(TOTALS).rows[0][:2] == (1, 100)


def test_a_dry_run_says_the_same_and_stores_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = a_file(tmp_path, "events", a_call().to_json(), b"{}", b"nonsense")
    options = ImportOptions(file, "jsonl", dry_run=True)
    assert import_into(Checks(make_decoder(CONFIG, None), lambda: NOW), CONFIG, options) == 1
    assert capsys.readouterr().out.splitlines() == [
        "3 records read, 1 would be stored",
        "  1 would be dead letters: wrong_type",
        "  1 would be dead letters: malformed_json",
    ]


def test_usage_of_openai_asks_from_when_on_hooks_record_it(tmp_path: Path):
    with pytest.raises(ConfigError, match="--until now if none do"):
        run_import(CONFIG, ImportOptions(a_file(tmp_path, "usage"), "openai-usage"))
    with pytest.raises(ConfigError, match="--until is for openai-usage only"):
        run_import(CONFIG, ImportOptions(a_file(tmp_path, "usage"), "langfuse", until=NOW))
    assert parse_until("2026-01-31T00:00Z") is not None
    assert parse_until("") is None
    with pytest.raises(ConfigError, match="is no instant"):
        parse_until("soon")


def costs(folder: Path, *options: str) -> dict[str, Any]:
    done = tokentide(folder, "report", "cost", "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)[-1]
    return {name: found[name] for name in ("attempts", "input_tokens", "cost_usd")}


def many(count: int) -> list[bytes]:
    started = utc_now() - timedelta(hours=1)
    return [a_call(started_at=started, seq=n).to_json() for n in range(1, count + 1)]


def test_a_running_tokentide_that_owns_the_store_takes_what_is_imported(tmp_path: Path):
    events = many(2_000)
    file = a_file(tmp_path, "events.jsonl", *events, b"nonsense")
    with running_up(tmp_path) as up:
        for _ in range(2):
            done = tokentide(tmp_path, "import", file, "--from", "jsonl", "--server", up.address)
            assert (done.returncode, done.stdout.splitlines()) == (
                1,
                ["2,001 records read, 2,000 stored", "  1 are dead letters: malformed_json"],
            ), done.stderr
        held = tokentide(
            tmp_path, "import", file, "--from", "jsonl", TOKENTIDE_SERVER__PORT=up.address.rpartition(":")[2]
        )
        assert held.stdout.startswith("2,001 records read, 2,000 stored"), held.stderr
        assert up.stop() == 0
    assert costs(tmp_path) == {"attempts": 2_000, "input_tokens": 200_000, "cost_usd": "2.026"}
