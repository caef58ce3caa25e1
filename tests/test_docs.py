"""The documentation speaks of things that exist, and leaves none of the named ones out."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from conftest import NOW
from prometheus_client import CollectorRegistry
from repository import ROOT, files, name
from tokentide import call as event
from tokentide.call import FIELDS, ProducerReport
from tokentide.content_policy import CONTENT_POLICIES
from tokentide.frameworks import FRAMEWORKS
from tokentide.hooks import PROVIDERS
from tokentide.masking_patterns import PATTERNS
from tokentide.transports import TRANSPORTS

from alerts.channels import CHANNELS
from alerts.config import AlertsConfig
from alerts.evaluate import problems
from alerts.rule import load_rules
from analyzers import ANALYZERS
from analyzers.embedders import EMBEDDERS
from analyzers.report import DIMENSIONS
from collector.metrics import Metrics
from collector.record import Reason
from server.cli import app
from server.config import Config
from store.connection import Store

PAGES = files("*.md")
TEXTS = {name(path): path.read_text("utf-8") for path in PAGES}
GUIDES = {place: text for place, text in TEXTS.items() if re.match(r"README|docs/[a-z-]+\.md", place)}
PROVIDER_PAGES = [place for place in TEXTS if place.startswith("docs/providers/")]
DOCS = "\n".join(GUIDES.values())
EVENT, REPORT = TEXTS["docs/event.md"].split("## The producer's report")


def code(text: str) -> str:
    """What stands in code blocks and between backticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*blocks, *spans])


def block(text: str, language: str) -> str:
    """The first code block in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def anchors(path: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(text: str) -> list[str]:
    """The first cells of every table row that begins with a name."""
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def cost_statuses() -> list[str]:
    view = (ROOT / "store/migrations/0004_rollups.sql").read_text("utf-8")
    decision = view.split("list_cost,\n    multiIf(")[1].split("AS value_status")[0]
    known = re.findall(r", '(\w+)',\n", decision) + re.findall(r"'(\w+)'\) $", decision)
    return [*known, *re.findall(r"if\(calls\.cache_hit, '(\w+)', value_status\) AS cost_status", view)]


def shipped_rules() -> list[str]:
    return [rule.alert for rule in load_rules([], {})]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(path: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file) if file else path
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize("place", TEXTS)
def test_every_target_of_make_exists(place: str):
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", code(TEXTS[place]), re.MULTILINE)) <= targets


@pytest.mark.parametrize("place", TEXTS)
def test_every_command_exists(place: str):
    commands = {command.name for command in [*app.registered_commands, *app.registered_groups]}
    assert set(re.findall(r"^(?:\.venv/bin/)?tokentide ([a-z-]+)", code(TEXTS[place]), re.MULTILINE)) <= commands


def test_the_docs_name_every_command():
    said = set(re.findall(r"^tokentide ([a-z-]+)$", code(TEXTS["docs/operations.md"]), re.MULTILINE))
    assert said >= {command.name for command in [*app.registered_commands, *app.registered_groups]}


@pytest.mark.parametrize("place", GUIDES)
def test_every_setting_exists(place: str):
    for section, setting in re.findall(r"^([a-z]+)\.([a-z_]+)$", code(GUIDES[place]), re.MULTILINE):
        if section in Config.model_fields:
            assert setting in type(Config.model_fields[section].default).model_fields, f"{section}.{setting}"


NAMED = {
    "providers": PROVIDERS,
    "transports": TRANSPORTS,
    "analyzers": ANALYZERS,
    "embedders": EMBEDDERS,
    "channels": CHANNELS,
    "reports": DIMENSIONS,
    "alert rules": shipped_rules(),
    "dead-letter reasons": get_args(Reason),
    "cost statuses": cost_statuses(),
    "operations": event.OPERATIONS,
    "statuses": event.STATUSES,
    "usage sources": event.USAGE_SOURCES,
    "content policies": CONTENT_POLICIES,
    "placeholders": sorted({f"[{pattern.name}]" for pattern in PATTERNS}),
}


@pytest.mark.parametrize("names", NAMED.values(), ids=NAMED)
def test_the_docs_name_every(names: tuple[str, ...]):
    assert len(names) >= 2
    assert [one for one in names if f"`{one}`" not in DOCS] == []


def test_every_provider_and_framework_has_a_page_and_the_readme_leads_to_it():
    named = {*PROVIDERS, *(re.split(r"[_.]", module)[0] for module in FRAMEWORKS)}
    assert named <= {Path(place).stem for place in PROVIDER_PAGES}
    assert [place for place in PROVIDER_PAGES if f"({place})" not in TEXTS["README.md"]] == []


@pytest.mark.parametrize("place", PROVIDER_PAGES)
def test_a_providers_page_begins_with_a_short_example(place: str):
    example = block(TEXTS[place].partition("\n## ")[0], "python")
    compile(example, place, "exec")
    assert "tokentide.instrument(" in example
    assert len([line for line in example.splitlines() if line and not line.startswith(("import", "from"))]) <= 5


def test_the_docs_name_every_metric_of_the_collector():
    registry = CollectorRegistry()
    Metrics(registry)
    shown = {metric.name + ("_total" if metric.type == "counter" else "") for metric in registry.collect()}
    assert shown
    assert [metric for metric in shown if f"`{metric}`" not in DOCS] == []


def test_the_event_is_described_field_by_field_in_its_order():
    assert rows(EVENT) == list(FIELDS)


def test_the_report_is_described_key_by_key_in_its_order():
    assert rows(REPORT)[: len(fields(ProducerReport))] == [field.name for field in fields(ProducerReport)]
    assert rows(REPORT)[0] == "report_id"


def test_the_example_of_a_rule_runs(store: Store, tmp_path: Path):
    page = TEXTS["docs/alerts.md"]
    (tmp_path / "slow_team.yaml").write_text(block(page, "yaml"), "utf-8")
    (tmp_path / "slow_team.sql").write_text(block(page, "sql"), "utf-8")
    rules = load_rules([tmp_path], {})
    assert "FirstTokenSlow" in [rule.alert for rule in rules]
    assert problems(store, rules, AlertsConfig(), NOW) == []
