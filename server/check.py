"""`tokentide check`: what can be verified without running anything."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from alerts.evaluate import problems as rule_problems
from alerts.rule import load_rules
from dashboards.render import stale
from server.config import Config
from server.programs import utc_now
from store.connection import Store, open_store
from store.errors import StoreError
from store.migrate import migrate
from store.sql import Query, load, parse, sql_files

PACKAGES = (
    "alerts",
    "alerts.rules",
    "analyzers",
    "analyzers.budget",
    "analyzers.reports",
    "collector",
    "collector.allocation",
    "collector.repricing",
    "dashboards.queries",
    "server",
    "server.focus",
    "store",
)

_SAMPLES = {
    "String": "",
    "Identifier": "tokentide_check",
    "Bool": False,
    "DateTime": "2026-01-01 00:00:00",
    "DateTime64": "2026-01-01 00:00:00.000",
    "Date": "2026-01-01",
}


def check(config: Config) -> Iterator[tuple[str, list[str]]]:
    """What was checked, and what is wrong with it; the configuration itself was checked when it was loaded."""
    yield "configuration", []
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"chdb://{Path(folder) / 'store'}", "tokentide_check")
        try:
            migrate(store, utc_now())
            yield "statements", list(statement_problems(store))
            rules = load_rules(config.alerts.rules_dirs, config.alerts.rules)
            yield f"{len(rules)} alert rules", rule_problems(store, rules, config.alerts, utc_now())
            yield "dashboards", [f"{path} is not what the panels say: render it again" for path in stale()]
        finally:
            store.close()


def statements() -> Iterator[Query]:
    """Every statement of every program."""
    for package in PACKAGES:
        for file in sql_files(package):
            yield parse(file.name.removesuffix(".sql"), file.read_text("utf-8"))


def statement_problems(store: Store) -> Iterator[str]:
    """What `store`, which has this release's tables, says against the statements."""
    with tempfile.TemporaryDirectory() as folder:
        # What one statement writes to a file the next one reads.
        structures = {name: structure for name, _, structure in store.query(load("store", "backup_tables")).rows}
        table = "call_hours"
        named = {"table": table, "path": f"{folder}/sample.native", "structure": structures.get(table, "")}
        named |= {"source": store.database, "dropped": f"{store.database}_other"}
        for query in statements():
            values = {name: named.get(name, sample(kind)) for name, kind in query.parameters.items()}
            run: Callable[[Query, dict[str, object]], object] = store.query if _returns_rows(query) else store.execute
            try:
                run(query, values)
            except StoreError as error:
                yield f"{query.name}.sql: {error}"


def _returns_rows(query: Query) -> bool:
    first = re.sub(r"^\s*--.*$", "", query.text, flags=re.MULTILINE).strip().split(None, 1)[0]
    return first.upper() in ("SELECT", "WITH")


def sample(kind: str) -> object:
    """A value for a parameter of ClickHouse type `kind`."""
    if kind.startswith("Array"):
        return []
    plain = re.sub(r"\(.*", "", kind)
    return _SAMPLES.get(plain, 1)
