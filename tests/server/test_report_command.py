from __future__ import annotations

from decimal import Decimal

import pytest

from analyzers.report import Report
from server.report_command import write

FOUND = Report(
    ("team", "cost_usd", "attempts", "priced_share", "felt_p95_ms"),
    [("search", "0.00000042", 12_345, 0.9951, 812.4), ("a-team-with-a-rather-long-name", None, 1, 0.0, None)],
)


def test_a_table_that_is_piped_is_not_cut_and_a_small_cost_is_not_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    write(FOUND, "table")
    header, search, other = capsys.readouterr().out.splitlines()
    assert header.split() == ["team", "cost_usd", "attempts", "priced_share", "felt_p95_ms"]
    assert search.split() == ["search", "$0.00000042", "12,345", "99.5%", "812"]
    assert other.split() == ["a-team-with-a-rather-long-name", "unknown", "1", "0.0%", "unknown"]


def test_an_attribute_is_a_text_whatever_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    write(Report(("attribute:limit_usd", "attribute:wait_ms"), [("none", "soon"), ("total", "")]), "table")
    assert capsys.readouterr().out.split() == ["attribute:limit_usd", "attribute:wait_ms", "none", "soon", "total", "-"]


def test_csv_keeps_every_digit_and_leaves_the_unknown_empty(capsys: pytest.CaptureFixture[str]) -> None:
    write(FOUND, "csv")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "search,0.00000042,12345,0.9951,812.4",
        "a-team-with-a-rather-long-name,,1,0.0,",
    ]


def test_json_says_null_for_the_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    write(Report(("cost_usd",), [(None,)]), "json")
    assert capsys.readouterr().out.split() == ["[", "{", '"cost_usd":', "null", "}", "]"]


def test_nothing_stored_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    write(Report(("team",), []), "table")
    assert capsys.readouterr().out == "nothing was stored in this range\n"


def test_a_note_follows_a_table_as_it_is_and_is_not_in_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    noted = Report(("team", "change_usd"), [("search", "-1.5")], "What stands out is team [red].")
    for format in ("table", "csv"):
        write(noted, format)
    *table, note, columns, row = capsys.readouterr().out.splitlines()
    assert [line.split() for line in table] == [["team", "change_usd"], ["search", "-$1.5000"]]
    assert (note, columns, row) == ("What stands out is team [red].", "team,change_usd", "search,-1.5")


def test_a_name_in_csv_is_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    write(Report(("team", "change_usd"), [('=HYPERLINK("x")', "-1.5"), ("@x", "-2")]), "csv")
    assert capsys.readouterr().out.splitlines()[1:] == ['"\'=HYPERLINK(""x"")",-1.5', "'@x,-2"]


def test_nothing_is_a_plain_zero_in_csv(capsys: pytest.CaptureFixture[str]) -> None:
    write(Report(("cost_usd", "estimated_usd"), [(Decimal("2.50"), Decimal("0E-12"))]), "csv")
    assert capsys.readouterr().out.splitlines()[1] == "2.5,0"


def test_the_name_of_an_attribute_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    write(Report(("attribute:a:b", "attribute:[red]x"), [("1", "2")]), "table")
    assert capsys.readouterr().out.split()[:2] == ["attribute:a:b", "attribute:[red]x"]
