"""Dead letters as their operator meets them: over HTTP, on the command line, with and without a running process."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from events import a_call
from tokentide_process import RunningUp, bare_environment, running_up, tokentide

from server.cli import main

BINARY = b"\xff\x00\x1b[2J not JSON"
# Too low for any call, so that each becomes a letter that can be read later.
LOW = {"TOKENTIDE_COLLECTOR__MAX_RECORD_BYTES": "120"}


def calls(count: int, **changes: Any) -> list[bytes]:
    started = datetime.now(timezone.utc) - timedelta(minutes=2)
    return [a_call(seq=n + 1, started_at=started, **changes).to_json() for n in range(count)]


def send(up: RunningUp, *bodies: bytes) -> None:
    answer = httpx.post(f"{up.address}/v1/events", content=b"\n".join(bodies), timeout=60)
    assert answer.status_code == 200, answer.text


def command(folder: Path, *arguments: str, **variables: str) -> Any:
    done = tokentide(folder, "deadletters", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_json(folder: Path, *arguments: str, **variables: str) -> Any:
    return json.loads(command(folder, *arguments, "--format", "json", **variables))


def port_of(up: RunningUp) -> dict[str, str]:
    return {"TOKENTIDE_SERVER__PORT": up.address.rpartition(":")[2]}


def totals(folder: Path) -> dict[str, Any]:
    done = tokentide(folder, "report", "losses", "--by", "process", "--format", "json")
    (row,) = json.loads(done.stdout)
    return {name: row[name] for name in ("stored", "dead_letters", "missing")}


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A folder whose store holds five letters that can be read now and one that cannot; no process runs."""
    with running_up(tmp_path, **LOW) as up:
        send(up, *calls(5), BINARY)
        assert up.stop() == 0, up.log
    return tmp_path


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """A running tokentide with three letters."""
    with running_up(tmp_path_factory.mktemp("up")) as running:
        send(running, BINARY, b'{"call_id":', b'{"producer_id":"p","seq":3,"app":"shop"}')
        yield running


def test_letters_are_kept_seen_and_replayed_through_the_process_that_owns_the_store(tmp_path: Path) -> None:
    with running_up(tmp_path, **LOW) as first:
        send(first, *calls(5), BINARY)
        assert first.stop() == 0, first.log
    with running_up(tmp_path) as up:
        found = as_json(tmp_path, "list", **port_of(up))
        assert found["total"] == 6
        assert {(row["reason"], row["app"], row["letters"]) for row in found["counts"]} == {
            ("oversized", "shop", 5),
            ("malformed_json", "", 1),
        }
        dry = as_json(tmp_path, "replay", "--reason", "oversized", "--dry-run", **port_of(up))
        assert dry == {"stored": 5, "refused": {}}
        assert as_json(tmp_path, "list", **port_of(up))["total"] == 6
        assert as_json(tmp_path, "replay", **port_of(up)) == {"stored": 5, "refused": {"malformed_json": 1}}
        assert as_json(tmp_path, "replay", **port_of(up)) == {"stored": 0, "refused": {"malformed_json": 1}}
        assert up.stop() == 0, up.log
    assert totals(tmp_path) == {"stored": 5, "dead_letters": 0, "missing": 0}


def test_letters_are_replayed_straight_on_the_store_when_nobody_holds_it(stopped: Path) -> None:
    assert as_json(stopped, "list")["total"] == 6
    said = command(stopped, "replay", "--last", "1h")
    assert said == "stored: 5\nstill dead: 1 malformed_json\n"
    assert totals(stopped) == {"stored": 5, "dead_letters": 0, "missing": 0}
    assert [row["id"] for row in as_json(stopped, "list")["newest"]] == [
        row["id"] for row in as_json(stopped, "list", "--reason", "malformed_json")["newest"]
    ]


KILLED = """
import os, signal, sys
from collector.dead_letters import DeadLetters
from server.cli import main

DeadLetters.settle = lambda letters, settled: os.kill(os.getpid(), signal.SIGKILL)
sys.argv[1:] = ["deadletters", "replay"]
main()
"""


def test_a_replay_that_is_killed_between_its_two_writes_and_run_again_changes_no_total(stopped: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=stopped,
        env=bare_environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert as_json(stopped, "list")["total"] == 6
    for stored in (5, 0):
        assert as_json(stopped, "replay") == {"stored": stored, "refused": {"malformed_json": 1}}
        assert totals(stopped) == {"stored": 5, "dead_letters": 0, "missing": 0}


def letter(up: RunningUp, reason: str) -> dict[str, Any]:
    found = httpx.get(f"{up.address}/api/deadletters", params={"reason": reason}).json()
    return dict(found["newest"][0])


def test_a_letter_is_shown_with_its_exact_bytes(up: RunningUp) -> None:
    name = letter(up, "malformed_json")["id"]
    names = [row["id"] for row in httpx.get(f"{up.address}/api/deadletters").json()["newest"]]
    assert name in names
    bodies = {base64.b64decode(as_json(up.folder, "show", one, "--server", up.address)["body"]) for one in names}
    assert BINARY + b"\n" in bodies
    said = command(up.folder, "show", letter(up, "wrong_type")["id"], "--server", up.address)
    assert '{\n  "producer_id": "p",\n  "seq": 3,\n' in said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("app ")] == ["shop"]


def test_what_is_not_json_is_shown_in_hexadecimal_and_moves_no_cursor(up: RunningUp) -> None:
    shown = [
        command(up.folder, "show", row["id"], "--server", up.address)
        for row in httpx.get(f"{up.address}/api/deadletters", params={"reason": "malformed_json"}).json()["newest"]
    ]
    assert any("00000000  ff 00 1b 5b 32 4a 20 6e" in text and "...[2J not JSON" in text for text in shown)
    assert not any("\x1b" in text for text in shown)


def test_a_mended_letter_is_stored_and_a_badly_mended_one_stays(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:
        (good,) = calls(1)
        send(up, good.replace(b'"seq":1', b'"seq":"one"'))
        name = letter(up, "wrong_type")["id"]
        (tmp_path / "good.json").write_bytes(good)
        (tmp_path / "bad.json").write_bytes(b"{}")
        refused = tokentide(tmp_path, "deadletters", "mend", name, "bad.json", "--server", up.address)
        assert refused.returncode == 1
        assert refused.stderr.startswith("tokentide: bad.json cannot become a row either (wrong_type: ")
        assert command(tmp_path, "mend", name, "good.json", "--server", up.address) == "stored\n"
        assert as_json(tmp_path, "list", "--server", up.address)["total"] == 0
        shown = as_json(tmp_path, "show", name, "--server", up.address)
        assert (shown["replayed"], shown["body"]) == (True, "")
        again = tokentide(tmp_path, "deadletters", "mend", name, "good.json", "--server", up.address)
        assert "is stored already" in again.stderr
        assert up.stop() == 0, up.log
    assert totals(tmp_path) == {"stored": 1, "dead_letters": 0, "missing": 0}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["list", "--reason", "bad"], "there is no reason bad: there are oversized, malformed_json"),
        (["list", "--source", "smoke"], "there is no source smoke: there are http, kafka"),
        (["list", "--last", "soon"], "'soon' is not a length of time"),
        (["list", "--limit", "0"], "limit is a whole number from 1 to 1000"),
        (["list", "--format", "xml"], "there is no format xml: use table, json"),
        (["show", "zz"], "zz is no id of a dead letter: they have 16 hexadecimal digits"),
        (["show", "0123456789abcdef"], "there is no dead letter 0123456789abcdef: tokentide deadletters list names"),
        (["replay", "--ids", "-"], "- is no id of a dead letter"),
        (["mend", "0123456789abcdef", "gone"], "gone cannot be read: No such file"),
    ],
)
def test_a_wrong_question_is_answered_with_a_sentence(
    up: RunningUp,
    arguments: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(up.folder)
    with pytest.raises(SystemExit) as ended:
        main(["deadletters", *arguments, "--server", up.address])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (1, "")
    assert said.err.startswith(f"tokentide: {expected}"), said.err
    assert said.err.count("\n") == 1


def test_a_wrong_question_to_the_store_itself_is_answered_so_too(stopped: Path) -> None:
    for arguments, expected in (
        (["list", "--reason", "bad"], "there is no reason bad: there are oversized, malformed_json"),
        (["show", "0123456789abcdef"], "there is no dead letter 0123456789abcdef: tokentide deadletters list names"),
    ):
        done = tokentide(stopped, "deadletters", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert done.stderr.startswith(f"tokentide: {expected}"), done.stderr


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "the body must be JSON"),
        (b"[]", "the body must be a JSON object"),
        (b"[" * 100_000, "the body must be JSON"),
        (b'{"reasons": "x"}', "there is no reasons to ask for: there are before, behind"),
        (b'{"ids": 5}', "ids is a list of ids"),
        (b'{"before": "now"}', "'now' is no instant"),
        (b'{"before": 5}', "5 is no instant"),
        (b'{"behind": ["2026-01-01T00:00:00Z"]}', "behind is what the last answer said"),
        (b'{"limit": 1000000}', "limit is a whole number from 1 to 1000"),
        (b'{"dry_run": "yes"}', "dry_run is true or false"),
    ],
)
def test_a_wrong_replay_over_http_is_a_400_with_a_sentence(up: RunningUp, body: bytes, expected: str) -> None:
    answer = httpx.post(f"{up.address}/api/admin/deadletters/replay", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(expected)
