"""`tokentide import` as a process that gets SIGKILL in the middle of its work, and the same command once more."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from events import a_call
from loopback_intake import HANGING, LoopbackIntake, Reply
from tokentide_process import TOKENTIDE, bare_environment, tokentide

from server.programs import utc_now

# Runs the command line, and kills itself where `method` of `kind` is called the so-manieth time.
KILLS_ITSELF = """
import importlib, os, signal, sys
module, kind, method, when, times, *arguments = sys.argv[1:]
owner = getattr(importlib.import_module(module), kind)
original, left = getattr(owner, method), [int(times)]

def killed(*given, **named):
    left[0] -= 1
    if not left[0] and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = original(*given, **named)
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(owner, method, killed)
from server.cli import main
main(arguments)
"""
EVENTS, BAD = 21_000, 7


def a_file(folder: Path) -> str:
    """A file of many events, and among them some of another kind."""
    started = utc_now() - timedelta(hours=1)
    written = [a_call(started_at=started, seq=n).to_json() for n in range(1, EVENTS + 1)]
    for number in range(BAD):
        written.insert(3_000 * number, b"nonsense")
    file = folder / "events.jsonl"
    file.write_bytes(b"\n".join(written))
    return str(file)


def killed(folder: Path, place: tuple[str, ...], *arguments: str) -> str:
    """What a process says before it kills itself at `place`."""
    done = subprocess.run(
        [sys.executable, "-c", KILLS_ITSELF, *place, *arguments],
        cwd=folder,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def test_an_import_that_is_killed_again_and_again_ends_as_one_in_one_go(tmp_path: Path):
    command = ("import", a_file(tmp_path), "--from", "jsonl")
    position = ("server.import_position", "Position", "keep")
    # Stored, but not yet written down; written down; everything stored, but not rolled up.
    assert killed(tmp_path, (*position, "before", "2"), *command) == ""
    assert killed(tmp_path, (*position, "after", "2"), *command) == going_on(5_000)
    assert killed(tmp_path, ("collector.rollup", "RollUp", "rebuild", "before", "1"), *command) == going_on(15_000)
    done = tokentide(tmp_path, *command)
    assert done.stdout.splitlines() == [
        going_on(EVENTS + BAD).strip(),
        "21,007 records read, 21,000 stored",
        "  of them 21,007 read and 21,000 stored before this run",
        "  7 are dead letters: malformed_json",
    ], done.stderr
    check(tmp_path)
    assert tokentide(tmp_path, *command).stdout.startswith("21,007 records read")
    check(tmp_path)


def going_on(records: int) -> str:
    return f"going on after {records:,} records that were stored before; --again starts over\n"


def check(folder: Path) -> None:
    """Everything is there once."""
    report = tokentide(folder, "report", "cost", "--format", "json")
    found = json.loads(report.stdout)[-1]
    assert (found["attempts"], found["input_tokens"], found["cost_usd"]) == (EVENTS, 100 * EVENTS, "21.273")
    letters = tokentide(folder, "deadletters", "list", "--format", "json")
    assert sum(group["letters"] for group in json.loads(letters.stdout)["counts"]) == BAD, letters.stdout


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_an_import_over_http_that_is_killed_sends_only_what_was_not_acknowledged(ending: str, tmp_path: Path):
    file = Path(a_file(tmp_path))
    events = file.read_bytes().split(b"\n")
    if ending:
        subprocess.run(["gzip", str(file)], check=True)
    reached = threading.Event()

    def third_hangs(records: list[bytes]) -> Reply:
        if len(intake.requests) == 3:
            reached.set()
            return HANGING
        return Reply(body=json.dumps({"stored": len(records), "dead_letters": 0}).encode())

    with LoopbackIntake(third_hangs) as intake:
        command = ("import", f"{file}{ending}", "--from", "jsonl", "--server", intake.endpoint)
        importer = subprocess.Popen(
            [str(TOKENTIDE), *command], cwd=tmp_path, env=bare_environment(XDG_STATE_HOME=str(tmp_path / "state"))
        )
        with importer:
            assert reached.wait(120)
            importer.kill()
        done = tokentide(tmp_path, *command)
    assert done.stdout.splitlines() == [
        going_on(10_000).strip(),
        "21,007 records read, 21,007 stored",
        "  of them 10,000 read and 10,000 stored before this run",
    ], done.stderr
    assert intake.records == events
