"""`python -m dashboards render` writes the generated files; with `--check` it only says which are out of date."""

from __future__ import annotations

import argparse
import sys

from dashboards.render import stale, write


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code: 0, or 1 when `--check` found files that are out of date."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("command", choices=["render"])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    given = parser.parse_args(arguments)
    if not given.check:
        sys.stdout.writelines(f"{path}\n" for path in write())
        return 0
    old = stale()
    sys.stdout.writelines(f"{path} is out of date: run python -m dashboards render\n" for path in old)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
