"""Rules about the repository that no tool checks."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import PROGRAMS, ROOT, files, name

PYTHON = files("*.py")
SHIPPED = [path for path in PYTHON if name(path).startswith((*(f"{program}/" for program in PROGRAMS), "sdk/"))]
GENERATED = [ROOT / "docs/schema.sql", ROOT / "dashboards/static/echarts.min.js"]
TEXTS = [path for path in files() if path.suffix not in (".png", ".ico", ".gz")]

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 60
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "core", "misc", "manager", "types"}

READS_THE_ENVIRONMENT = {
    "server/config.py": "the settings of the programs",
    "sdk/tokentide/config.py": "the settings of the SDK",
    "store/connection.py": "sets what the engine's allocator reads, unless the user has",
    "server/demo/processes.py": "hands it on to the processes that it starts",
}
NOT_OF_THE_STANDARD_LIBRARY = {
    "sdk/tokentide/frameworks/langchain.py": {"langchain_core"},
    "sdk/tokentide/frameworks/litellm.py": {"litellm"},
    "sdk/tokentide/transports/kafka.py": {"kafka"},
}

# In pieces, so that this file names none of them.
REGISTRIES = [
    "pypi" + ".org", "files.python" + "hosted.org", "registry." + "npmjs.org", "repo1.ma" + "ven.org",
    "repo." + "ma" + "ven.apache.org", "crates" + ".io", "proxy.go" + "lang.org", "registry-1.doc" + "ker.io", "gh" + "cr.io",
]  # fmt: skip
PLACES_OF_ONE_MACHINE = ["/" + "work/", "/" + "root/", "/Us" + "ers/", "/mnt" + "/data"]

STATEMENT = re.compile(
    r"\b(SELECT\s.*\sFROM|INSERT INTO|CREATE (TABLE|DATABASE|VIEW)|ALTER TABLE|DROP|TRUNCATE)\s", re.S
)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def texts(module: ast.Module) -> Iterator[str]:
    """Every text in a module that is not a docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def imports(module: ast.Module) -> Iterator[str]:
    """The distributions' modules that a module imports, wherever in it."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).partition(".")[0]


def test_no_file_is_long():
    written = [path for path in files("*.py", "*.js", "*.css", "*.sql", "*.yaml", "Makefile") if path not in GENERATED]
    assert [name(path) for path in written if len(path.read_text("utf-8").splitlines()) > LINES_OF_A_FILE] == []


def test_no_function_is_long():
    long = [
        f"{name(path)}: {node.name}"
        for path in PYTHON
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_every_name_says_something():
    found = [name(path) for path in PYTHON if {*path.with_suffix("").relative_to(ROOT).parts} & NAMES_THAT_SAY_NOTHING]
    assert found == []


def test_tests_are_no_package():
    assert files("tests/**/__init__.py", "tests/__init__.py") == []


def test_statements_are_only_in_sql_files():
    found = {f"{name(path)}: {text}" for path in SHIPPED for text in texts(tree(path)) if STATEMENT.search(text)}
    assert found == set()


def test_the_environment_is_read_in_few_places():
    readers = {
        name(path)
        for path in SHIPPED
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv")
    }
    assert readers == set(READS_THE_ENVIRONMENT)


def test_the_sdk_imports_the_standard_library_only():
    for path in files("sdk/tokentide/*.py"):
        allowed = sys.stdlib_module_names | {"tokentide"} | NOT_OF_THE_STANDARD_LIBRARY.get(name(path), set())
        assert set(imports(tree(path))) <= allowed, name(path)


def test_no_file_names_a_registry():
    found = [name(path) for path in TEXTS for host in REGISTRIES if host in path.read_text("utf-8", "replace")]
    assert found == []


def test_no_file_depends_on_one_machine():
    found = [
        f"{name(path)}: {place}"
        for path in TEXTS
        for place in PLACES_OF_ONE_MACHINE
        if re.search(rf"(?<![\w.*]){place}", path.read_text("utf-8", "replace"))
    ]
    assert found == []


@pytest.mark.parametrize("package", [*PROGRAMS, "tokentide"])
def test_our_packages_are_not_hidden_by_somebody_elses(package: str):
    owners = set(importlib.metadata.packages_distributions().get(package, []))
    assert owners <= {"tokentide", "tokentide-server"}
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)
