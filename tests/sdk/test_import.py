from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Of the standard library only what takes well under a millisecond.
CHEAP = {
    *("__future__", "contextvars", "_contextvars", "types"),
    *("tokentide", "tokentide.content_policy", "tokentide.context", "tokentide.version"),
}


def loaded_by(statement: str) -> set[str]:
    """The modules that are in memory after the statement and were not before."""
    program = f"import sys; before = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_the_import_loads_next_to_nothing() -> None:
    assert loaded_by("import tokentide") <= CHEAP


def test_a_program_that_only_names_its_callers_loads_nothing_more() -> None:
    assert loaded_by("import tokentide\nwith tokentide.context(team='search'): pass") <= CHEAP


def test_instrumenting_loads_no_client_library_and_no_kafka() -> None:
    loaded = loaded_by("import tokentide; tokentide.instrument(transport='kafka')")
    assert "tokentide.transports.kafka" in loaded
    assert {name.split(".")[0] for name in loaded} & {
        "openai",
        "anthropic",
        "httpx",
        "httpx2",
        "kafka",
        "pydantic",
    } == set()


def test_the_worker_imports_nothing_that_a_fork_could_cut_in_two(tmp_path: Path) -> None:
    delivered = "tokentide.record(provider='p', model='m', prompt='mail a@b.de').__enter__().__exit__(None, None, None)"
    program = f"""
import tokentide, tokentide.manual
tokentide.instrument(endpoint='http://localhost:9', spool_dir={os.fspath(tmp_path)!r}, user_key='key')
before = set(sys.modules)
with tokentide.context(user='u'): {delivered}
assert tokentide.flush(10)
"""
    assert loaded_by(program) == set()
