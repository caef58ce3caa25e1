"""What dies in the middle of a run is started again, and nothing is lost or counted twice."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

import pytest
from demo_run import DemoRun, running_demo


def calls_are_counted(demo: DemoRun) -> bool:
    return re.search(r"^[1-9]\d* of 240 calls$", demo.log.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize(
    ("transport", "victim", "said"),
    [
        ("http", "server.cli up", "tokentide was killed"),
        ("kafka", "server.cli up", "tokentide was killed"),
        ("kafka", "kafka.Kafka", "Kafka was killed"),
    ],
)
def test_a_killed_process_costs_no_call(transport: str, victim: str, said: str, tmp_path: Path) -> None:
    arguments = ["--once", "--json", "--calls", "240", "--rate", "16", "--transport", transport]
    with running_demo(arguments, tmp_path) as demo:
        demo.wait_until(lambda: calls_are_counted(demo))
        demo.kill_child(victim)
        outcome = demo.document()
    assert said in demo.log.read_text()
    assert outcome["stored"] == outcome["attempts"] > 240
    assert (outcome["lost"], outcome["duplicates"]) == (0, 0)
    assert outcome["cost_by_team"] == outcome["provider_cost_by_team"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_with_its_outcome(number: signal.Signals, tmp_path: Path) -> None:
    with running_demo(["--rate", "20"], tmp_path) as demo:
        assert demo.process.stdout is not None
        assert demo.process.stdout.readline().startswith("Page: http://127.0.0.1:")
        assert demo.process.stdout.readline().startswith("team ")
        started = list(demo.children())
        assert len(started) == 4
        demo.process.send_signal(number)
        said, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 0, demo.log.read_text() + said
    assert " 0 lost, 0 counted twice." in said
    assert "Traceback" not in demo.log.read_text() + said
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not list(tmp_path.glob("tokentide-demo-*"))


def test_an_interrupted_start_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_demo(["--transport", "kafka"], tmp_path) as demo:
        demo.wait_until(lambda: bool(demo.children()))
        started = list(demo.children())
        demo.process.send_signal(signal.SIGINT)
        demo.process.communicate(timeout=60)
    assert demo.process.returncode == 130
    assert "Traceback" not in demo.log.read_text()
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not list(tmp_path.glob("tokentide-demo-*"))


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = ["--port", str(taken.getsockname()[1])]
        with running_demo(arguments, tmp_path) as demo:
            demo.process.communicate(timeout=60)
    assert demo.process.returncode == 1
    assert "cannot listen on 127.0.0.1" in demo.log.read_text()
    assert "Traceback" not in demo.log.read_text()
