"""The files of this repository: committed, or about to be."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = ("alerts", "analyzers", "collector", "dashboards", "server", "store")


def files(*patterns: str) -> list[Path]:
    """The files that match one of `patterns` as `git ls-files` understands them, without ignored ones."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", *patterns]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in map(ROOT.joinpath, listed.stdout.splitlines()) if path.is_file()]


def name(path: Path) -> str:
    """Where a file is in the repository."""
    return path.relative_to(ROOT).as_posix()
