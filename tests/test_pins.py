"""requirements.txt pins everything that pyproject.toml asks for, with hashes and without addresses."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT, name

PINNED = [
    ROOT / "requirements.txt",
    *sorted((ROOT / "tests/environments").glob("*.txt")),
    *sorted((ROOT / "benchmarks/sdk/peers").glob("*.txt")),
]
SERVER = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SDK = tomllib.loads((ROOT / "sdk/pyproject.toml").read_text("utf-8"))


def pins_in(text: str) -> list[str]:
    """Each pin with its hashes."""
    return re.split(r"\n(?=\S)", text.strip())


def asked_for() -> list[Requirement]:
    """What the two distributions, their extras and the development need, other than each other."""
    texts = [*SERVER["dependency-groups"]["dev"], *SERVER["build-system"]["requires"], *SDK["build-system"]["requires"]]
    for project in (SERVER["project"], SDK["project"]):
        texts += [
            *project["dependencies"],
            *(text for extra in project["optional-dependencies"].values() for text in extra),
        ]
    return [requirement for requirement in map(Requirement, texts) if requirement.name != "tokentide"]


def pinned() -> dict[str, set[str]]:
    """The pinned versions by name; there are several where platforms differ."""
    found: dict[str, set[str]] = {}
    for pin in pins_in(PINNED[0].read_text("utf-8")):
        name, version = re.match(r"([\w.-]+)(?:\[.*?\])?==([^\s;\\]+)", pin).groups()
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_what_is_asked_for_is_pinned_to_a_version_that_is_allowed(requirement: Requirement):
    versions = pinned()[canonicalize_name(requirement.name)]
    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


@pytest.mark.parametrize("path", PINNED, ids=name)
def test_every_pin_has_a_hash_and_no_address(path: Path):
    text = path.read_text("utf-8")
    assert [pin.splitlines()[0] for pin in pins_in(text) if "--hash=sha256:" not in pin] == []
    assert re.findall(r"\w+://\S+|--\w*index\S*|--find\S*", text) == []


def test_the_tests_run_with_the_pinned_versions():
    pins = pinned()
    installed = {
        canonicalize_name(one.metadata["Name"]): one.version.removeprefix("v") for one in metadata.distributions()
    }
    apart = {"pip", "setuptools", "wheel", "tokentide", "tokentide-server"}
    other = {
        name: version for name, version in installed.items() if version not in pins.get(name, ()) and name not in apart
    }
    assert other == {}


def test_both_distributions_have_one_version():
    assert SERVER["project"]["version"] == SDK["project"]["version"]
    (sdk,) = (text for text in SERVER["project"]["dependencies"] if text.startswith("tokentide"))
    assert sdk == f"tokentide[kafka]=={SDK['project']['version']}"


def test_the_sdk_needs_nothing():
    assert SDK["project"]["dependencies"] == []
