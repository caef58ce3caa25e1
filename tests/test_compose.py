"""The compose file cannot be run by the tests, so everything that it says is compared with what it talks about."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import needs
from repository import ROOT

from server.cli import app
from server.config import ConfigError, load
from server.kafka_broker import KAFKA_VERSION

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PROGRAMS = {name: service for name, service in SERVICES.items() if "build" in service}
COMMANDS = {command.name for command in app.registered_commands}


def variables(service: dict[str, Any]) -> dict[str, str]:
    """What the containers of a program find in their environment, with every password filled in."""
    return {name: re.sub(r"\$\{\w+:\?[^}]*\}", "secret", str(value)) for name, value in service["environment"].items()}


def test_it_follows_the_compose_specification():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_it_has_a_service_for_every_folder_with_a_program():
    assert {"kafka", "clickhouse", "grafana", "alertmanager"} | set(PROGRAMS) == set(SERVICES)
    assert set(PROGRAMS) == {"migrate", "collector", "analyzers", "alerts", "page"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_a_command_that_exists(name: str):
    assert PROGRAMS[name]["command"] == [name]
    assert name in COMMANDS


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_variable_is_one_that_the_programs_read(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    given = variables(PROGRAMS[name])
    assert all(re.fullmatch(r"TOKENTIDE_[A-Z]+(__[A-Z_]+)+", variable) for variable in given)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    assert load().store.address() == "http://tokentide:secret@clickhouse:8123"


@pytest.mark.parametrize("invented", ["TOKENTIDE_COLLECTOR__KAFKA_BOOTSTRAPS", "TOKENTIDE_COLECTOR__SOURCES"])
def test_an_invented_variable_would_be_found(invented: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(invented, "kafka:19092")
    with pytest.raises(ConfigError):
        load()


def test_the_collector_reads_from_the_kafka_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    for variable, value in variables(PROGRAMS["collector"]).items():
        monkeypatch.setenv(variable, value)
    bootstrap = load().collector.kafka_bootstrap
    assert f"INSIDE://{bootstrap}" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_kafka_is_the_release_that_the_tests_run_against():
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_every_image_is_pinned():
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    for image in images:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)+(-[a-z-]+)?", image), image


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_and_restarted_or_runs_once(name: str):
    service = SERVICES[name]
    if name == "migrate":
        assert service["restart"] == "on-failure"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_exists_and_can_become_true(name: str):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        runs_once = SERVICES[other]["restart"] == "on-failure"
        assert how["condition"] == ("service_completed_successfully" if runs_once else "service_healthy")


@pytest.mark.parametrize("name", SERVICES)
def test_every_mount_is_a_named_volume_or_a_file_of_this_repository(name: str):
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).exists(), mount
        assert source in COMPOSE["volumes"] or mount.endswith(":ro"), mount


def test_only_this_machine_can_reach_the_ports():
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_password_comes_from_the_file_that_is_not_committed():
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    wanted = set(re.findall(r"\$\{(\w+)", text))
    example = (ROOT / ".env.example").read_text("utf-8")
    assert wanted == set(re.findall(r"^(\w+)=$", example, flags=re.MULTILINE))
    assert wanted == set(re.findall(r"\$\{(\w+):\?", text)), "an empty password must stop compose"
    assert ".env" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    for service in SERVICES.values():
        for variable, value in service["environment"].items() if "environment" in service else ():
            assert "PASSWORD" not in variable or "${" in value, variable


def test_grafana_finds_its_data_source_and_the_dashboard():
    environment = SERVICES["grafana"]["environment"]
    sources = (ROOT / "dashboards/generated/provisioning/datasources/clickhouse.yaml").read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", sources)) <= set(environment)
    (source,) = yaml.safe_load(sources)["datasources"]
    assert environment["GF_PLUGINS_PREINSTALL_SYNC"].startswith(f"{source['type']}@")
    provider = yaml.safe_load((ROOT / "dashboards/generated/provisioning/dashboards/tokentide.yaml").read_text("utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    assert any(mount.split(":")[1].startswith(f"{folder}/") for mount in SERVICES["grafana"]["volumes"])


def test_grafanas_account_is_the_one_that_clickhouse_makes():
    readers = (ROOT / "deploy/clickhouse-readers.xml").read_text("utf-8")
    assert f"<{SERVICES['grafana']['environment']['CLICKHOUSE_USER']}>" in readers
    (variable,) = re.findall(r'from_env="(\w+)"', readers)
    assert variable in SERVICES["clickhouse"]["environment"]


def test_alertmanager_accepts_its_configuration():
    amtool = needs("/usr/bin/amtool", "prometheus-alertmanager")
    config = str(ROOT / "deploy/alertmanager.yml")
    done = subprocess.run([amtool, "check-config", config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_image_holds_no_development_parts_and_does_not_run_as_root():
    stages = DOCKERFILE.split("\nFROM ")
    assert "USER tokentide" in stages[-1]
    assert "--require-hashes" in DOCKERFILE
    assert "--group" not in DOCKERFILE
    assert 'ENTRYPOINT ["tokentide"]' in stages[-1]
    assert re.search(r'^CMD \["(\w+)"\]', stages[-1], flags=re.MULTILINE)[1] in COMMANDS


def test_the_build_context_has_every_package():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    packages = re.search(r"packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text("utf-8"))[1]
    assert set(re.findall(r'"(\w+)"', packages)) <= kept
    assert all((ROOT / path).exists() for path in kept)
