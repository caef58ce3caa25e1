"""Both distributions, built and installed into empty environments as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest
from repository import PROGRAMS, ROOT, files, name
from tokentide.call import LLMCall
from tokentide.identifiers import uuid7
from tokentide_process import bare_environment, running_up, tokentide

UV = Path(sys.executable).with_name("uv")
PINS = str(ROOT / "requirements.txt")
OTHER_PYTHONS = ("3.10", "3.13")


def uv(*arguments: str) -> None:
    done = subprocess.run([str(UV), *arguments], env=bare_environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def environment(folder: Path, python: str, *packages: str) -> Path:
    """A new environment with `packages` and what they need, nothing else; returns its bin folder."""
    uv("venv", "--quiet", "--python", python, str(folder))
    uv("pip", "install", "--quiet", "--python", str(folder), "--constraint", PINS, *packages)
    return folder / "bin"


def find_python(version: str) -> str:
    """An interpreter of `version` that works; the test is skipped where there is none."""
    candidates = [Path(f"/usr/bin/python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python3")]
    for candidate in candidates:
        if candidate.exists():
            return str(candidate)
    pytest.skip(f"there is no Python {version} here")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels by the name of their distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    uv("build", "--quiet", "--all-packages", "--wheel", "--out-dir", str(folder), "--build-constraint", PINS, str(ROOT))
    return {wheel.name.split("-")[0]: wheel for wheel in folder.glob("*.whl")}


def test_the_servers_wheel_carries_every_file_of_its_packages(wheels: dict[str, Path]):
    held = set(zipfile.ZipFile(wheels["tokentide_server"]).namelist())
    assert {name(path) for path in files(*PROGRAMS)} <= held
    tops = {name.split("/")[0] for name in held}
    assert tops == {*PROGRAMS, "tokentide_server-0.1.0.dist-info"}


def test_the_sdks_wheel_carries_its_package_and_its_types(wheels: dict[str, Path]):
    held = set(zipfile.ZipFile(wheels["tokentide"]).namelist())
    assert {name(path).removeprefix("sdk/") for path in files("sdk/tokentide")} <= held
    assert "tokentide/py.typed" in held


@pytest.mark.parametrize("distribution", ["tokentide", "tokentide_server"])
def test_a_wheel_carries_licence_and_notice(wheels: dict[str, Path], distribution: str):
    wheel = zipfile.ZipFile(wheels[distribution])
    assert "Apache License" in wheel.read(f"{distribution}-0.1.0.dist-info/licenses/LICENSE").decode()
    assert "tokentide" in wheel.read(f"{distribution}-0.1.0.dist-info/licenses/NOTICE").decode()


def one_call() -> LLMCall:
    """A call of now that read a million tokens."""
    return LLMCall(
        call_id=uuid7(),
        operation_id=uuid7(),
        producer_id="wheel",
        started_at=datetime.now(timezone.utc),
        team="search",
        provider="openai",
        operation="chat",
        model_requested="gpt-5",
        status="ok",
        usage_source="provider",
        input_tokens=1_000_000,
        output_tokens=0,
    )


def test_tokentide_up_works_from_the_wheels_in_an_empty_folder(wheels: dict[str, Path], tmp_path: Path):
    programs = environment(
        tmp_path / "environment", sys.executable, str(wheels["tokentide"]), str(wheels["tokentide_server"])
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    with running_up(folder, command=programs / "tokentide") as up:
        answer = httpx.post(f"{up.address}/v1/events", content=one_call().to_json(), timeout=30)
        assert answer.json() == {"stored": 1, "dead_letters": 0}
        page = httpx.get(up.address, timeout=30)
        assert "tokentide" in page.text
        assert httpx.get(f"{up.address}/static/echarts.min.js", timeout=30).status_code == 200
        rows = cost_report(folder, programs / "tokentide", up.address)
        assert rows[0]["team"] == "search"
        assert float(rows[0]["cost_usd"]) == 1.25
        assert up.stop() == 0, up.log
    assert "Traceback" not in up.log


def cost_report(folder: Path, command: Path, address: str) -> list[dict[str, object]]:
    """The cost report of the running process, as soon as the call is rolled up."""
    for _ in range(60):
        done = tokentide(folder, "report", "cost", "--server", address, "--format", "json", command=command)
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, object]] = json.loads(done.stdout)
        if rows and rows[0]["attempts"]:
            return rows
    raise AssertionError("the call was never rolled up")


INSTRUMENT_ALONE = """
import sys
import tokentide
tokentide.instrument(transport="memory", team="search")
with tokentide.context(feature="answers"):
    pass
assert tokentide.flush(5)
tokentide.uninstrument()

from tokentide.testing import capture_calls

with capture_calls(team="search", content="masked") as calls:
    with tokentide.record(provider="openai", model="gpt-5", prompt="mail ann@example.com") as call:
        call.usage(input_tokens=1, output_tokens=2)
assert [(call.team, call.prompt, call.input_tokens) for call in calls] == [("search", "mail [email]", 1)]

foreign = sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"tokentide", "__main__"})
assert not [name for name in foreign if not name.startswith(("_", "sitecustomize"))], foreign
"""


@pytest.mark.parametrize("version", ["this", *OTHER_PYTHONS])
def test_the_sdk_alone_needs_nothing(wheels: dict[str, Path], version: str, tmp_path: Path):
    python = sys.executable if version == "this" else find_python(version)
    programs = environment(tmp_path / "environment", python, str(wheels["tokentide"]))
    done = subprocess.run(
        [str(programs / "python"), "-W", "error", "-c", INSTRUMENT_ALONE],
        env=bare_environment(HOME=os.fspath(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    installed = {path.name for path in (tmp_path / "environment").glob("lib/*/site-packages/*.dist-info")}
    assert installed == {"tokentide-0.1.0.dist-info"}
