"""The command line as its users run it: what it says, and its exit codes."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tokentide_process import RunningUp, running_up, tokentide
from typer.testing import CliRunner

from analyzers.report import DIMENSIONS
from server.cli import app
from server.config import Config, ConfigError
from server.report_command import print_report

COMMANDS = sorted(str(command.name) for command in app.registered_commands)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """One `tokentide up` for the tests that only look at it."""
    with running_up(tmp_path_factory.mktemp("up")) as running:
        yield running


def said(folder: Path, *arguments: str, **variables: str) -> str:
    """What a command that fails says: one line on standard error, exit code 1."""
    done = tokentide(folder, *arguments, **variables)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removesuffix("\n")


def test_help_names_every_command_and_ends_well(tmp_path: Path):
    done = tokentide(tmp_path, "--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str):
    found = CliRunner().invoke(app, [command, "--help"])
    assert found.exit_code == 0
    assert f"tokentide {command}" in found.stdout


def test_a_command_that_does_not_exist_is_a_usage_error(tmp_path: Path):
    assert tokentide(tmp_path, "upp").returncode == 2


def test_check_is_content_with_a_folder_without_a_file(tmp_path: Path):
    done = tokentide(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    assert "WRONG" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_check_finds_a_mistyped_setting(tmp_path: Path):
    (tmp_path / "tokentide.toml").write_text("[server]\nprot = 1\n")
    assert said(tmp_path, "check") == "tokentide: there is no setting server.prot: did you mean port?"


def test_a_configuration_file_that_is_not_there(tmp_path: Path):
    assert said(tmp_path, "up", "--config", "gone.toml") == (
        "tokentide: there is no configuration file gone.toml: create it, or leave --config away"
    )


def test_a_port_that_is_taken(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert said(tmp_path, "up", "--port", port) == (
            f"tokentide: cannot listen on 127.0.0.1:{port} (Address already in use): "
            "stop the program that does, or choose another port with --port"
        )
    assert list(tmp_path.iterdir()) == [], "nothing is created before the port is had"


def test_a_store_that_another_process_holds(up: RunningUp):
    assert said(up.folder, "up", "--port", "0") == (
        f"tokentide: the store folder {up.folder / 'tokentide-data' / 'store'} is held by another process: "
        "stop that process, or let it answer (tokentide report --server with its address)"
    )


def test_a_report_asks_the_process_that_holds_the_store(up: RunningUp):
    port = up.address.rpartition(":")[2]
    done = tokentide(up.folder, "report", "cost", "--format", "json", TOKENTIDE_SERVER__PORT=port)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list)


@pytest.mark.parametrize("kind", DIMENSIONS)
@pytest.mark.parametrize("format", ["table", "json", "csv"])
def test_every_report_in_every_format(up: RunningUp, kind: str, format: str, capsys: pytest.CaptureFixture[str]):
    print_report(Config(), kind, None, "24h", format, up.address)
    assert capsys.readouterr().out


def test_a_comparison_is_asked_for_as_well(up: RunningUp, capsys: pytest.CaptureFixture[str]):
    print_report(Config(), "cost", "team", "24h", "csv", up.address, compare="previous", limit=3)
    assert capsys.readouterr().out.startswith("team,cost_usd,previous_usd,change_usd,")


@pytest.mark.parametrize(
    ("kind", "by", "last", "format", "expected"),
    [
        (
            "costs",
            "team",
            "24h",
            "json",
            "no report costs: the reports are cost, money, latency, limits, drift, capacity, losses, ledger",
        ),
        ("cost", "colour", "24h", "json", "a cost report has no dimension colour: its dimensions are team, app"),
        ("cost", "team", "soon", "json", "'soon' is not a length of time: write a number and s, m, h, d or w"),
        ("cost", "team", "24h", "xml", "there is no format xml: use table, json, csv"),
    ],
)
def test_a_report_that_cannot_be_made_says_why(
    up: RunningUp, kind: str, by: str, last: str, format: str, expected: str
):
    with pytest.raises(ConfigError, match=re.escape(expected)):
        print_report(Config(), kind, by, last, format, up.address)


def test_a_report_from_nobody(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    expected = f"tokentide: no tokentide answers at {address}: start it, or name it with --server"
    assert said(tmp_path, "report", "cost", "--server", address).startswith(expected)


def test_health_and_metrics_are_served(up: RunningUp):
    assert httpx.get(f"{up.address}/healthz").json() == {"status": "ok"}
    assert "# HELP" in httpx.get(f"{up.address}/metrics").text


def test_a_signal_ends_it_cleanly_and_the_store_is_free_again(tmp_path: Path):
    with running_up(tmp_path) as running:
        assert running.stop() == 0, running.log
        assert "Traceback" not in running.log
    assert tokentide(tmp_path, "migrate").returncode == 0


def test_no_clickhouse_at_the_address(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    message = said(tmp_path, "migrate", TOKENTIDE_STORE__DSN=f"http://me:secret@127.0.0.1:{port}")
    expected = f"tokentide: no ClickHouse answers at http://me:…@127.0.0.1:{port}: start it, or correct store.dsn"
    assert message.startswith(expected)
    assert "secret" not in message
