"""Scripts that need an interpreter in which nothing has been imported yet."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(script: str, *options: str) -> str:
    """The output of a script in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
