"""The log of the programs: one line an event, on standard error."""

from __future__ import annotations

import logging
import sys


def configure(level: str) -> None:
    """Send everything of `level` and above to standard error; libraries only from WARNING on."""
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
        force=True,
    )
    for name in ("collector", "store", "analyzers", "alerts", "dashboards", "server", "tokentide", "uvicorn.error"):
        logging.getLogger(name).setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(max(logging.getLevelName(level), logging.WARNING))
    # They warn of every retry; what they give up on is said by the programs.
    for name in ("urllib3.connectionpool", "clickhouse_connect"):
        logging.getLogger(name).setLevel(logging.ERROR)
