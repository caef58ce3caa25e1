from __future__ import annotations

import pytest

from server.config import ConfigError
from server.output import check_format, plain, print_json, print_table


def test_a_table_is_aligned_and_is_not_cut_when_it_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "calls"), [("a" * 300, 3), ("b", None)], right=("calls",))
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "calls"]
    assert first == "a" * 300 + "      3"
    assert second.split() == ["b"]


def test_a_table_without_columns_has_no_header(capsys: pytest.CaptureFixture[str]) -> None:
    print_table((), {"id": 7}.items())
    assert capsys.readouterr().out == "id  7\n"


def test_a_cell_is_shown_as_it_is_and_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("team",), [["\x1b[2J [bold]red[/bold] :fire:\n"]])
    assert capsys.readouterr().out.splitlines()[1] == "\\x1b[2J [bold]red[/bold] :fire:\\x0a"
    assert plain("Ünï\u202e") == "Ünï\\x202e"


def test_json_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"a": 1}])
    assert capsys.readouterr().out == '[\n  {\n    "a": 1\n  }\n]\n'


def test_a_format_that_is_not_there_is_an_error() -> None:
    check_format("json")
    with pytest.raises(ConfigError, match="there is no format csv: use table, json"):
        check_format("csv")
