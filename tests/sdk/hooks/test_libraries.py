from __future__ import annotations

import importlib.metadata
import sys
from types import ModuleType

import openai._base_client
import pytest
from tokentide.frameworks import FRAMEWORKS
from tokentide.hooks import libraries
from tokentide.hooks.libraries import FRAMEWORK_LIBRARIES, LIBRARIES, Library, look, patched_modules


def test_every_library_that_the_hooks_patch_is_known_by_name() -> None:
    assert [name for name in patched_modules() if not any(library.has(name) for library in LIBRARIES)] == []


def test_every_library_is_recorded_in_the_version_that_these_tests_run_with() -> None:
    for library, found in zip(LIBRARIES, look()[: len(LIBRARIES)], strict=True):
        assert (found.name, found.state) == (library.distribution, "recorded")
        assert found.version == importlib.metadata.version(library.distribution)
        assert bool(found.hooks) == (found.note == ""), found


def test_looking_leaves_nothing_patched() -> None:
    before = openai._base_client.SyncAPIClient.__dict__["request"]
    look()
    assert openai._base_client.SyncAPIClient.__dict__["request"] is before


def found_as(library: Library, monkeypatch: pytest.MonkeyPatch) -> libraries.Found:
    monkeypatch.setattr(libraries, "LIBRARIES", (library,))
    return look()[0]


def test_every_framework_is_named_without_being_imported() -> None:
    assert {library.package for library in FRAMEWORK_LIBRARIES} == {name.partition(".")[0] for name in FRAMEWORKS}
    found = {each.name: each for each in look()}
    assert (found["langchain-core"].state, found["litellm"].state) == ("recorded", "absent")
    assert found["langchain-core"].note == "says who makes the calls below it"


def test_a_library_that_is_not_installed_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_as(Library("openai", "no-such-distribution", ("1.",)), monkeypatch).state == "absent"


def test_a_version_that_was_never_tried_is_recorded_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_as(Library("openai", "openai", ("1.",)), monkeypatch)
    assert (found.state, len(found.hooks)) == ("untried", 2)


def test_a_version_without_the_methods_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai._base_client", ModuleType("openai._base_client"))
    found = found_as(Library("openai", "openai", ("3.",)), monkeypatch)
    assert (found.state, found.hooks) == ("unrecorded", [])


def test_a_library_that_cannot_be_imported_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise RuntimeError("the installation is broken")

    monkeypatch.setattr(libraries, "import_module", broken)
    found = found_as(Library("openai", "openai", ("3.",)), monkeypatch)
    assert found.state == "unrecorded"
    assert "the installation is broken" in found.note
