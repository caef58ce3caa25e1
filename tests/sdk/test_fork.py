"""Processes that make processes: every one is a producer of its own, nothing is sent twice, and nobody waits."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from emitted import call_ids, calls, files, last_report, spooled
from loopback_intake import HANGING, LoopbackIntake, Reply
from tokentide.config import Settings, load

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

EMITTER = """
import multiprocessing, os, sys, threading, time
from emitted import read
from tokentide.config import load
from tokentide.emitter import Emitter
from tokentide.transports import open_transport

settings = load({}, transport="http", endpoint=sys.argv[1], spool_dir=sys.argv[2])
emitter = Emitter(settings, open_transport(settings), read)

def child(run):
    number = os.fork()
    if number == 0:
        run()
        sys.exit(0)
    return number

def ended(*children):
    for number in children:
        assert os.waitpid(number, 0)[1] == 0

def emit(*names):
    for name in names:
        emitter.emit(name)
"""

APP = """
import multiprocessing, os, sys, threading
import httpx2
import tokentide

def answer(request):
    if request.url.path == "/v1/embeddings":
        return httpx2.Response(200, json={"model": "m"})
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=iter([b"data: {}"]))

client = httpx2.Client(transport=httpx2.MockTransport(answer))

def ask(feature):
    with tokentide.context(feature=feature):
        client.post("http://provider/v1/embeddings", json={"model": "m", "input": "x"})

def leave(feature):
    global opened
    with tokentide.context(feature=feature):
        asked = client.build_request("POST", "http://provider/v1/chat/completions", json={"model": "m"})
        opened = client.send(asked, stream=True)

if __name__ == "__main__" or sys.argv[3] == "spawn":
    tokentide.instrument(endpoint=sys.argv[1], spool_dir=sys.argv[2])
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({}, spool_dir=tmp_path / "spool")


def run(program: str, settings: Settings, *arguments: str) -> None:
    """Runs an app that must end by itself, in good order and with nothing to say."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", program, settings.endpoint, str(settings.spool_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Traceback" not in done.stderr


def producers(records: list[bytes]) -> dict[str, list[dict[str, Any]]]:
    """The calls of each producer, by number; every number is there once and none is missing."""
    by_producer = defaultdict(list)
    for call in calls(records):
        by_producer[call["producer_id"]].append(call)
    for found in by_producer.values():
        found.sort(key=lambda call: int(call["seq"]))
        assert [call["seq"] for call in found] == list(range(1, len(found) + 1))
    return by_producer


def names(records: list[bytes]) -> list[list[str]]:
    """The `call_id`s of each producer."""
    return sorted([call["call_id"] for call in found] for found in producers(records).values())


ENDINGS = {"returns": "", "exits": "sys.exit(0)", "flushes and dies": "assert emitter.flush(30); os._exit(0)"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_forked_child_is_a_producer_of_its_own_and_the_parent_goes_on(settings: Settings, ending: str) -> None:
    with LoopbackIntake() as intake:
        script = f"""
emit("before")
assert emitter.flush(30)
emit("parent 1")
def run():
    emit("child 1", "child 2")
    {ENDINGS[ending] or "pass"}
first = child(run)
emit("parent 2")
ended(first)
"""
        run(EMITTER + script, replace(settings, endpoint=intake.endpoint))
    assert names(intake.records) == [["before", "parent 1", "parent 2"], ["child 1", "child 2"]]


def test_a_fork_before_the_first_event_makes_two_producers(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        script = 'first = child(lambda: emit("child"))\nemit("parent")\nended(first)'
        run(EMITTER + script, replace(settings, endpoint=intake.endpoint))
    assert names(intake.records) == [["child"], ["parent"]]


def test_children_of_children_are_producers_too(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        script = """
def outer():
    emit("outer")
    ended(child(lambda: emit("inner")))
emit("parent")
ended(child(outer))
"""
        run(EMITTER + script, replace(settings, endpoint=intake.endpoint))
    assert names(intake.records) == [["inner"], ["outer"], ["parent"]]


def test_a_child_that_dies_at_once_takes_nothing_of_the_parents_with_it(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        script = 'emit("parent 1")\nended(child(lambda: os._exit(0)))\nemit("parent 2")'
        run(EMITTER + script, replace(settings, endpoint=intake.endpoint))
    assert names(intake.records) == [["parent 1", "parent 2"]]


def test_a_fork_in_the_middle_of_a_send_harms_neither(settings: Settings) -> None:
    with LoopbackIntake(lambda records: HANGING if b'"parent 1"' in records[0] else Reply()) as intake:
        script = """
emit("parent 1")
time.sleep(0.5)
ended(child(lambda: emit("child")))
"""
        away = replace(settings, endpoint=intake.endpoint)
        run(EMITTER + script, away)
        assert call_ids(intake.records) == ["child"]
        assert call_ids(spooled(away)) == ["parent 1"]


def test_a_child_leaves_the_parents_spool_to_the_parent(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        pass
    script = """
emit("parent 1")
assert emitter.flush(30)
ended(child(lambda: (emit("child"), emitter.flush(30))))
emit("parent 2")
"""
    away = replace(settings, endpoint=intake.endpoint)
    run(EMITTER + script, away)
    assert len(files(away.spool_dir)) == 2
    assert names(spooled(away)) == [["child"], ["parent 1", "parent 2"]]


def test_a_fork_waits_for_an_import_of_the_worker(settings: Settings) -> None:
    """A child with half a module would wait for ever for the rest."""
    script = """
import importlib.abc, signal

reached = threading.Event()

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "kafka.producer":
            reached.set()
            time.sleep(0.3)

def use_it_too():
    signal.alarm(20)
    import kafka

sys.meta_path.insert(0, Slow())
emit("parent")
assert reached.wait(30)
ended(child(use_it_too))
"""
    run(EMITTER.replace('transport="http"', 'transport="kafka", kafka_bootstrap="127.0.0.1:9"') + script, settings)


def test_forks_under_load_lose_nothing_and_wait_for_nobody(settings: Settings) -> None:
    with LoopbackIntake() as intake:
        script = """
def busy(name):
    for number in range(500):
        emitter.emit(f"{name} {number}")
        time.sleep(0)
threads = [threading.Thread(target=busy, args=(str(number),)) for number in range(4)]
for thread in threads:
    thread.start()
children = [child(lambda: emit("child 1", "child 2")) for _ in range(12)]
for thread in threads:
    thread.join()
ended(*children)
"""
        away = replace(settings, endpoint=intake.endpoint)
        run(EMITTER + script, away)
        found = names([*intake.records, *spooled(away)])
    assert sorted(map(len, found)) == [*[2] * 12, 2_000]


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_children_of_multiprocessing_deliver_what_they_asked_last(
    settings: Settings, method: str, tmp_path: Path
) -> None:
    script = """
    ask("parent 1")
    context = multiprocessing.get_context(sys.argv[3])
    children = [context.Process(target=ask, args=(f"child {number}",)) for number in range(3)]
    children.append(context.Process(target=leave, args=("left",)))
    for process in children:
        process.start()
    ask("parent 2")
    for process in children:
        process.join()
        assert process.exitcode == 0
"""
    # These methods import the program again: it must be a file, and instrument itself there.
    program = tmp_path / "app.py"
    program.write_text(
        APP.replace('sys.argv[3] == "spawn"', 'sys.argv[3] != "fork"')
        + script.replace('    ask("parent 1")', 'if __name__ == "__main__":\n    ask("parent 1")')
    )
    with LoopbackIntake() as intake:
        run(
            f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')",
            replace(settings, endpoint=intake.endpoint),
            method,
        )
        found = producers(intake.records)
    features = sorted([call["feature"] for call in found] for found in found.values())
    assert features == [["child 0"], ["child 1"], ["child 2"], ["left"], ["parent 1", "parent 2"]]


def test_workers_of_a_preloaded_server_are_producers_with_numbers_of_their_own(settings: Settings) -> None:
    """As gunicorn does it with --preload: instrumented and used before the fork, used by threads of each worker."""
    script = """
import signal

ask("preload")

def serve():
    signal.signal(signal.SIGTERM, lambda *signal: sys.exit(0))
    threads = [threading.Thread(target=lambda: [ask("worker") for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(ready[1], b".")
    signal.pause()

ready = os.pipe()
workers = []
for _ in range(3):
    number = os.fork()
    if number == 0:
        serve()
    workers.append(number)
for _ in workers:
    os.read(ready[0], 1)
for number in workers:
    os.kill(number, signal.SIGTERM)
for number in workers:
    assert os.waitpid(number, 0)[1] == 0
ask("arbiter")
"""
    with LoopbackIntake() as intake:
        run(APP + script, replace(settings, endpoint=intake.endpoint), "fork")
        found = producers(intake.records)
    features = sorted([call["feature"] for call in found] for found in found.values())
    assert features == [["preload", "arbiter"], *[["worker"] * 80] * 3]
    assert last_report(intake.records)["closed"] is True
