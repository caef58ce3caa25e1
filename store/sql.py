"""Statements live in .sql files: the first comment line says what one row means, values are typed parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

_PARAMETER = re.compile(r"\{(\w+):([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement: its name, what one row means, its text, and its parameters (name → ClickHouse type)."""

    name: str
    description: str
    text: str
    parameters: dict[str, str]


def parse(name: str, text: str) -> Query:
    """The `Query` in `text`. Raises ValueError when the first line is not a comment that describes a row."""
    first = text.lstrip().splitlines()[0] if text.strip() else ""
    if not first.startswith("-- "):
        raise ValueError(f"{name}.sql must begin with a comment line that says what one row means")
    return Query(name, first.removeprefix("-- ").strip(), text.strip(), dict(_PARAMETER.findall(text)))


@cache
def load(package: str, name: str) -> Query:
    """The statement in `<package>/<name>.sql`. Raises FileNotFoundError when there is no such file."""
    return parse(name, resources.files(package).joinpath(f"{name}.sql").read_text("utf-8"))


def sql_files(package: str) -> Iterator[Traversable]:
    """Every .sql file directly in `package`, by name."""
    files = (entry for entry in resources.files(package).iterdir() if entry.name.endswith(".sql"))
    return iter(sorted(files, key=lambda entry: entry.name))
