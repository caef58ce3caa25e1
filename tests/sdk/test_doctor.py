from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from emitted import STARTED, calls, last_report
from loopback_intake import LoopbackIntake, Reply
from tokentide import doctor
from tokentide.config import load
from tokentide.doctor import Findings, examine, send_test_event, text_of
from tokentide.spool import spool_folder

SECRETS = {
    "TOKENTIDE_TOKEN": "hunter2",
    "TOKENTIDE_USER_KEY": "hunter3",
    "TOKENTIDE_KAFKA_CLIENT": '{"sasl_plain_username": "shop", "sasl_plain_password": "hunter6"}',
}


def dead_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A well-kept environment, except that nobody listens at the endpoint."""
    return {
        "TOKENTIDE_SPOOL_DIR": str(tmp_path / "spool"),
        "TOKENTIDE_TEAM": "search",
        "TOKENTIDE_APP": "shop",
        "TOKENTIDE_ENDPOINT": f"http://127.0.0.1:{dead_port()}",
    }


@pytest.fixture(autouse=True)
def look_at_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take seconds to import, and have tests of their own."""
    monkeypatch.setattr(doctor, "look", list)


def test_a_test_event_arrives_and_the_answer_is_told(environment: dict[str, str]) -> None:
    with LoopbackIntake() as intake:
        found = examine({**environment, "TOKENTIDE_ENDPOINT": intake.endpoint})
        (event,) = calls(intake.records)
    assert found.well
    assert found.test_event.startswith(f"it arrived: the intake at {intake.endpoint} took it in ")
    assert found.test_event.endswith("answered 200 {}")
    assert (event["provider"], event["operation"], event["status"]) == ("tokentide", "doctor", "ok")
    assert (event["team"], event["app"], event["provider_reported_cost"]) == ("search", "shop", "0")
    report = last_report(intake.records)
    assert (report["producer_id"], report["emitted"], report["closed"]) == (event["producer_id"], 1, True)


def test_a_dead_port_is_told_in_one_line_with_what_to_do(environment: dict[str, str]) -> None:
    found = examine(environment)
    assert not found.well
    assert found.test_event.startswith("it did not arrive: ")
    assert "Connection refused" in found.test_event
    assert "tokentide up" in found.test_event
    assert "\n" not in found.test_event
    assert not Path(environment["TOKENTIDE_SPOOL_DIR"]).exists()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(401), "answered 401"),
        (Reply(503), "answered 503"),
        (Reply(200, content_type="text/html"), "not as an intake does"),
    ],
)
def test_an_answer_that_is_no_yes_is_told(reply: Reply, said: str, environment: dict[str, str]) -> None:
    with LoopbackIntake(lambda records: reply) as intake:
        arrived, message = send_test_event(load(environment, endpoint=intake.endpoint), STARTED)
    assert not arrived
    assert said in message


def test_a_transport_that_fails_in_a_way_of_its_own_is_told(environment: dict[str, str]) -> None:
    arrived, message = send_test_event(load(environment, endpoint="http://a..b"), STARTED)
    assert not arrived
    assert message.startswith("it did not arrive: ")


def test_dead_letters_are_no_arrival(environment: dict[str, str]) -> None:
    refused = Reply(200, body=b'{"stored":1,"dead_letters":1}')
    with LoopbackIntake(lambda records: refused) as intake:
        arrived, message = send_test_event(load(environment, endpoint=intake.endpoint), STARTED)
    assert not arrived
    assert message.startswith("it was refused: ")


def test_a_transport_that_lacks_its_libraries_is_told(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kafka", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    arrived, message = send_test_event(load(environment, transport="kafka"), STARTED)
    assert not arrived
    assert "pip install 'tokentide[kafka]'" in message


def test_no_secret_is_ever_shown(environment: dict[str, str]) -> None:
    def echo(records: list[bytes]) -> Reply:
        return Reply(403)

    with LoopbackIntake(echo) as intake:
        place = intake.endpoint.replace("http://", "http://bob:hunter4@")
        for endpoint in (place, "bob:hunter5@127.0.0.1"):
            found = examine({**environment, **SECRETS, "TOKENTIDE_ENDPOINT": endpoint})
            assert "hunter" not in text_of(found) + json.dumps(doctor._plain(found))
    assert origins(found)["token"] == ("***", "TOKENTIDE_TOKEN")


def origins(found: Findings) -> dict[str, tuple[str, str]]:
    return {each.name: (each.value, each.origin) for each in found.settings}


def test_every_setting_is_told_with_its_origin(environment: dict[str, str]) -> None:
    told = origins(examine({**environment, "TOKENTIDE_QUEUE_SIZE": "many"}))
    assert told["team"] == ("search", "TOKENTIDE_TEAM")
    assert told["queue_size"] == ("20000", "default")
    assert told["token"] == ("", "default")


def test_mistakes_in_the_environment_are_something_to_put_right(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with LoopbackIntake() as intake:
        wrong = {"TOKENTIDE_ENDPOINT": intake.endpoint, "TOKENTIDE_QUEUE_SIZE": "many", "TOKENTIDE_TAEM": "x"}
        found = examine({**environment, **wrong})
    assert found.arrived
    assert not found.well
    assert [problem.split()[0] for problem in found.problems] == ["TOKENTIDE_TAEM", "TOKENTIDE_QUEUE_SIZE"]
    assert caplog.records == []


def test_what_waits_in_the_spool_is_told_for_this_destination_and_for_others(environment: dict[str, str]) -> None:
    folder = spool_folder(load(environment))
    for place, size in ((folder, 30), (folder.parent / "another", 7)):
        place.mkdir(parents=True)
        (place / "1.segment").write_bytes(b"x" * size)
    found = examine(environment)
    assert (found.spool.waiting_bytes, found.spool.other_bytes, found.spool.trouble) == (30, 7, "")
    assert any("7 bytes wait" in sentence for sentence in found.advice)


def test_a_spool_folder_that_is_a_file_is_something_to_put_right(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    found = examine(environment)
    assert any("is not a folder: set TOKENTIDE_SPOOL_DIR" in problem for problem in found.problems)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_spool_folder_that_cannot_be_written_is_something_to_put_right(
    environment: dict[str, str], tmp_path: Path
) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    found = examine(environment)
    tmp_path.chmod(stat.S_IRWXU)
    assert any("may not write" in problem for problem in found.problems)


@pytest.mark.parametrize("name", ["team", "app"])
def test_calls_of_nobody_are_worth_a_thought(name: str, environment: dict[str, str]) -> None:
    del environment[f"TOKENTIDE_{name.upper()}"]
    assert any(f"TOKENTIDE_{name.upper()}" in sentence for sentence in examine(environment).advice)


@pytest.mark.parametrize("asked", [[], ["--json"]])
def test_the_command_tells_it_all_and_ends_with_the_verdict(asked: list[str], environment: dict[str, str]) -> None:
    def run(**more: str) -> tuple[int, str]:
        variables = {**os.environ, **environment, **more}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tokentide.doctor", *asked],
            env=variables,
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    with LoopbackIntake() as intake:
        well, told = run(TOKENTIDE_ENDPOINT=intake.endpoint)
    ill, told_of_nothing = run()
    assert (well, ill) == (0, 1), told
    assert "openai" in told
    assert "it arrived" in told
    assert "it did not arrive" in told_of_nothing
    if asked:
        everything: dict[str, Any] = json.loads(told)
        assert (everything["well"], everything["libraries"][0]["state"]) == (True, "recorded")
