"""How a process ends: everything is delivered or in the spool, and the far side cannot hold the process up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from emitted import call_ids, calls, eventually, last_report, spooled
from loopback_intake import HANGING, OK, LoopbackIntake, Reply
from tokentide.config import Settings, load

PROGRAM = """
import os, sys, time
from emitted import read
from tokentide.config import load
from tokentide.emitter import Emitter
from tokentide.transports import open_transport

transport, address, spool_dir, count, ending = sys.argv[1:]
settings = load({}, transport=transport, spool_dir=spool_dir, endpoint="http://" + address, kafka_bootstrap=address)
emitter = Emitter(settings, open_transport(settings), read)
for number in range(int(count)):
    emitter.emit(str(number))
exec(ending)
print(time.time(), flush=True)
"""
# An exit takes two seconds at most. A busy machine may start and end an interpreter slowly.
SOON_S = 12.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({}, spool_dir=tmp_path / "spool")


def run(settings: Settings, address: str, count: int, ending: str = "") -> float:
    """Runs an app that emits `count` events and ends; returns the seconds that its ending took."""
    arguments = [settings.transport, address, str(settings.spool_dir), str(count), ending]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, timeout=60, env=environment, check=True
    )
    return time.time() - float(done.stdout or "nan")


def expected(count: int) -> list[str]:
    return sorted(map(str, range(count)))


def at(settings: Settings, address: str) -> Settings:
    return replace(settings, endpoint="http://" + address, kafka_bootstrap=address)


def test_a_short_process_delivers_everything_before_it_ends(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        run(settings, f"127.0.0.1:{intake.port}", 3_000)
    assert sorted(call_ids(intake.records)) == expected(3_000)
    assert last_report(intake.records)["closed"] is True


@pytest.mark.parametrize("reply", [HANGING, Reply(delay_s=60.0), Reply(503), Reply(status=None)])
def test_an_intake_that_does_not_serve_holds_nothing_up(settings: Settings, reply: Reply) -> None:
    with LoopbackIntake(lambda records: reply) as intake:
        address = f"127.0.0.1:{intake.port}"
        assert run(settings, address, 3_000) < SOON_S
        found = spooled(at(settings, address))
    assert sorted(call_ids(found)) == expected(3_000)
    assert last_report(found)["closed"] is True
    assert last_report(found)["emitted"] == 3_000


def test_a_send_that_already_hangs_holds_nothing_up(settings: Settings) -> None:
    with LoopbackIntake(lambda records: HANGING) as intake:
        address = f"127.0.0.1:{intake.port}"
        assert run(settings, address, 3_000, "time.sleep(1)\nfor n in range(3000, 4000): emitter.emit(str(n))") < SOON_S
        found = spooled(at(settings, address))
    assert sorted(call_ids(found)) == expected(4_000)


@pytest.mark.parametrize("transport", ["http", "kafka"])
def test_a_closed_port_holds_nothing_up(settings: Settings, transport: str) -> None:
    with LoopbackIntake() as intake:
        pass
    chosen, address = replace(settings, transport=transport), f"127.0.0.1:{intake.port}"
    assert run(chosen, address, 3_000, "time.sleep(1)") < SOON_S
    found = spooled(at(chosen, address))
    assert sorted(call_ids(found)) == expected(3_000)


def test_a_kafka_that_hangs_holds_nothing_up(settings: Settings) -> None:
    with LoopbackIntake(lambda records: HANGING) as intake:
        chosen, address = replace(settings, transport="kafka"), f"127.0.0.1:{intake.port}"
        assert run(chosen, address, 100) < SOON_S
        found = spooled(at(chosen, address))
    assert sorted(call_ids(found)) == expected(100)


def test_an_app_that_fails_ends_as_it_would_and_loses_nothing(settings: Settings) -> None:
    with LoopbackIntake() as intake, pytest.raises(subprocess.CalledProcessError) as caught:
        run(settings, f"127.0.0.1:{intake.port}", 10, "raise SystemExit(3)")
    assert caught.value.returncode == 3
    assert sorted(call_ids(intake.records)) == expected(10)


def test_the_next_process_delivers_what_the_last_one_could_not(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        pass
    run(settings, f"127.0.0.1:{intake.port}", 100)
    with LoopbackIntake(lambda records: OK, port=intake.port) as back:
        run(settings, f"127.0.0.1:{intake.port}", 1, "time.sleep(2)")
        assert sorted(call_ids(back.records)) == sorted([*expected(100), "0"])
    assert spooled(at(settings, f"127.0.0.1:{intake.port}")) == []


def left_by_kill_9(settings: Settings, address: str, script: str, said: bytes) -> list[bytes]:
    """What is in the spool of an app that emits 100 events, says so much, and is killed."""
    arguments = ["http", address, str(settings.spool_dir), "100", script + "\ntime.sleep(60)"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, env=environment) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == said
        app.send_signal(signal.SIGKILL)
        app.wait()
    found: list[bytes] = []
    eventually(lambda: bool(found.extend(spooled(at(settings, address))) or found))
    return found


def test_what_was_spooled_before_kill_9_is_still_there(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        pass
    script = "print(emitter.flush(30), flush=True)"
    found = left_by_kill_9(settings, f"127.0.0.1:{intake.port}", script, b"True\n")
    assert sorted(call_ids(found)) == expected(100)


def test_what_a_flush_waited_for_in_vain_survives_kill_9(settings: Settings) -> None:
    script = """
while not emitter._worker.delivery.hand.records:
    time.sleep(0.01)
for n in range(100, 200): emitter.emit(str(n))
print(emitter.flush(2), flush=True)
"""
    with LoopbackIntake(lambda records: HANGING) as intake:
        found = left_by_kill_9(settings, f"127.0.0.1:{intake.port}", script, b"False\n")
    assert sorted(call_ids(found)) == expected(200)


def test_os_exit_ends_the_process_at_once(settings: Settings) -> None:
    with LoopbackIntake(lambda records: HANGING) as intake:
        run(settings, f"127.0.0.1:{intake.port}", 10, "print(time.time(), flush=True); os._exit(0)")


CLIENT = """
import atexit, os, sys, threading
import httpx2

class Endless(httpx2.SyncByteStream):
    def __iter__(self):
        yield b"data: {}\\n\\n"

def answer(request):
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Endless())

client = httpx2.Client(transport=httpx2.MockTransport(answer))
request = client.build_request("POST", "http://provider/v1/chat/completions", json={"model": "m", "messages": []})
"""
CALLS_AT_EXIT = "atexit.register(lambda: client.send(request))\n"
INSTRUMENTED = """
import tokentide
tokentide.instrument(spool_dir=sys.argv[1], endpoint=sys.argv[2])
"""
OPENED = """
opened = client.send(request, stream=True)
pieces = opened.iter_raw()
"""


def run_instrumented(settings: Settings, script: str, returncode: int = 0) -> str:
    """Runs an app with its hook; returns what it says."""
    arguments = [str(settings.spool_dir), settings.endpoint]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (returncode, "")
    return done.stderr


@pytest.fixture
def away(settings: Settings) -> Settings:
    return replace(settings, endpoint="http://127.0.0.1:9")


def test_a_call_that_another_module_makes_at_exit_is_kept(away: Settings) -> None:
    assert "Traceback" not in run_instrumented(away, CLIENT + CALLS_AT_EXIT + INSTRUMENTED)
    assert len(call_ids(spooled(away))) == 1


def test_a_stream_that_is_open_when_the_interpreter_ends_does_not_hold_it_up(away: Settings) -> None:
    script = CLIENT + CALLS_AT_EXIT + INSTRUMENTED + OPENED + "import builtins; builtins.opened = opened"
    assert "Traceback" not in run_instrumented(away, script)
    assert len(call_ids(spooled(away))) == 2


LEFT = {
    "break": ("for _ in pieces: break", 0),
    "exception": ("for _ in pieces: raise ZeroDivisionError", 1),
    "exit": ("for _ in pieces: sys.exit(3)", 3),
    "uninstrumented": ("next(pieces); tokentide.uninstrument()", 0),
    "thread": (
        """
def run():
    for _ in pieces:
        reached.set()
        threading.Event().wait()
reached = threading.Event()
threading.Thread(target=run, daemon=True).start()
reached.wait(30)
""",
        0,
    ),
}


@pytest.mark.parametrize("ending", LEFT)
def test_a_stream_that_is_open_when_the_app_ends_was_abandoned(away: Settings, ending: str) -> None:
    script, returncode = LEFT[ending]
    said = run_instrumented(away, CLIENT + INSTRUMENTED + OPENED + script, returncode)
    assert said.count("Traceback") == (ending == "exception")
    assert [(call["stream_outcome"], call["status"]) for call in calls(spooled(away))] == [("abandoned", "ok")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_leaves_the_open_streams_of_its_parent_alone(away: Settings) -> None:
    script = "next(pieces)\nnumber = os.fork()\nif number: assert os.waitpid(number, 0)[1] == 0"
    run_instrumented(away, CLIENT + INSTRUMENTED + OPENED + script)
    assert [call["stream_outcome"] for call in calls(spooled(away))] == ["abandoned"]


@pytest.mark.parametrize("reply", [OK, HANGING], ids=["works", "hangs"])
def test_what_threads_emit_while_the_process_ends_is_accounted_for(settings: Settings, reply: Reply) -> None:
    busy = """
import threading
def run():
    while True:
        emitter.emit("late")
        time.sleep(0.005)
threading.Thread(target=run, daemon=True).start()
time.sleep(0.1)
"""
    with LoopbackIntake(lambda records: reply) as intake:
        address = f"127.0.0.1:{intake.port}"
        run(settings, address, 0, busy)
        found = [*intake.records, *spooled(at(settings, address))]
    reports = {report["producer_id"]: report for report in map(json.loads, found) if report.get("closed")}
    numbers: dict[str, set[int]] = {}
    for call in calls(found):
        numbers.setdefault(call["producer_id"], set()).add(call["seq"])
    assert len(numbers) >= 1
    for producer, report in reports.items():
        assert len(numbers.get(producer, ())) + sum(report["dropped"].values()) == report["emitted"]
    assert numbers.keys() <= reports.keys()


def test_a_signal_handler_may_flush_while_the_app_flushes(settings: Settings) -> None:
    """Locks that a thread holds while its own signal handler wants them would be held for ever."""
    script = """
import signal
busy = False
def handler(*_):
    global busy
    if not busy:
        busy = True
        emitter.emit("from the handler")
        emitter.flush(0.01)
        busy = False
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.00073)
end = time.monotonic() + 3
while time.monotonic() < end:
    emitter.emit("x")
    emitter.flush(0.002)
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    run(replace(settings, transport="memory"), "127.0.0.1:9", 1, script)
