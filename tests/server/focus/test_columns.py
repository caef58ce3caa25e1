"""The columns of a file are those that the specification has in its version.

`specification.csv` has its facts: FOCUS 1.2 to 1.4, by the FinOps Open Cost and Usage Specification Series (CC BY 4.0).
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from focus_rows import focus_rows

from collector.books import close, correct
from server.focus.columns import VERSIONS, columns_of
from store.connection import Store

FACTS = list(csv.DictReader((Path(__file__).parent / "specification.csv").read_text("utf-8").splitlines()))


def specified(version: str) -> dict[str, dict[str, str]]:
    return {fact["column"]: fact for fact in FACTS if fact["since"] <= version <= fact["until"]}


@pytest.mark.parametrize(("version", "columns"), [("1.2", 57), ("1.3", 65), ("1.4", 65)])
def test_the_facts_are_those_of_the_whole_data_set(version: str, columns: int) -> None:
    assert len(specified(version)) == columns


@pytest.mark.parametrize("version", VERSIONS)
def test_every_column_is_specified_or_marked_as_ours(version: str) -> None:
    facts = specified(version)
    for column in columns_of(version):
        if column.name in facts:
            assert column.kind == facts[column.name]["type"], column.name
        else:
            assert column.name.startswith("x_")


@pytest.mark.parametrize("version", VERSIONS)
def test_no_mandatory_column_is_missing(version: str) -> None:
    mandatory = {name for name, fact in specified(version).items() if fact["level"] == "Mandatory"}
    assert mandatory - {column.name for column in columns_of(version)} == set()


def test_the_names_of_providers_change_with_the_versions() -> None:
    replaced, new = {"ProviderName", "PublisherName"}, {"ServiceProviderName", "HostProviderName"}
    names = {version: {column.name for column in columns_of(version)} & (replaced | new) for version in VERSIONS}
    assert names == {"1.2": replaced, "1.3": replaced | new, "1.4": new}


@pytest.mark.parametrize("version", VERSIONS)
def test_values_are_present_and_allowed_where_the_specification_says_so(store: Store, version: str) -> None:
    october = NOW.replace(month=10)
    reported = a_call(provider_reported_cost="0.25", started_at=october, host="openrouter.ai", region="eu")
    collect(store, reported, a_call(started_at=october, service_tier="flex"), a_call(started_at=october, team=""))
    close(store, october.date().replace(day=1), NOW)
    collect(store, a_call(started_at=october))
    correct(store, "late", NOW)
    found, facts = focus_rows(store, october.date(), version), specified(version)
    assert {row["ChargeClass"] for row in found} == {None, "Correction"}
    for row in found:
        assert list(row) == [column.name for column in columns_of(version)]
        for name, value in row.items():
            fact = facts.get(name)
            assert fact is None or value is not None or fact["nulls"] == "yes", name
            assert not (fact and fact["values"] and value) or value in fact["values"].split("|"), name
