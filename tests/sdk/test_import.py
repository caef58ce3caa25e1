from __future__ import annotations

import subprocess
import sys

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
