"""The example file and the docs of the settings say what the programs read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tokentide.config import Settings as SdkSettings

from server.config import Config, load
from server.settings_docs import docs, example, files, main, sections


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_committed_file_is_current(path: Path):
    assert path.read_text("utf-8") == files()[path], "run python -m server.settings_docs"


def test_the_example_as_it_stands_changes_nothing(tmp_path: Path):
    file = tmp_path / "tokentide.toml"
    file.write_text(example(), "utf-8")
    assert load(file).model_dump() == Config().model_dump()


def test_every_value_in_the_example_is_the_default(tmp_path: Path):
    text, count = re.subn(r"^#(\w+ = [^…\n]+)$", r"\1", example(), flags=re.MULTILINE)
    file = tmp_path / "tokentide.toml"
    file.write_text(text, "utf-8")
    assert count > 30
    assert load(file).model_dump() == Config().model_dump()


def test_every_setting_says_what_it_means():
    assert [f"{part.path}.{one.name}" for part in sections() for one in part.settings if not one.meaning] == []
    assert [part.path for part in sections() if not part.meaning] == []


def test_the_docs_name_every_variable():
    for part in sections():
        for setting in part.settings:
            assert f"`TOKENTIDE_{part.path.upper().replace('.', '__')}__{setting.name.upper()}`" in docs()
    for name in SdkSettings.__dataclass_fields__:
        assert f"`TOKENTIDE_{name.upper()}`" in docs()


def test_a_file_that_is_not_current_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr("server.settings_docs.ROOT", tmp_path)
    assert main(["--check"]) == 1
    assert "tokentide.example.toml is not current" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
