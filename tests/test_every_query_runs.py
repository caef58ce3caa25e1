"""Every statement of every program runs on empty tables, and says what one row means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import PROGRAMS, files

from server.check import PACKAGES, statement_problems, statements
from store.connection import Store
from store.migrate import migrations


def test_every_statement_runs_on_empty_tables(store: Store):
    assert list(statement_problems(store)) == []


def test_a_statement_that_does_not_run_is_named(empty_store: Store):
    problems = list(statement_problems(empty_store))
    assert any(problem.startswith("latency.sql: ") for problem in problems)


def test_no_statement_of_a_program_is_left_out():
    programs = files(*(f"{program}/*.sql" for program in PROGRAMS))
    known = len(list(statements())) + len(migrations())
    assert len(programs) == known, f"a package with statements is not in server.check.PACKAGES: {PACKAGES}"


@pytest.mark.parametrize("path", files("*.sql"), ids=lambda path: path.stem)
def test_it_begins_with_a_sentence_about_its_rows(path: Path):
    first = path.read_text("utf-8").splitlines()[0]
    assert re.fullmatch(r"-- [A-Z].*[.:,a-z)`]", first), first
