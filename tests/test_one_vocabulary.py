"""A field of the event is the key in JSON, the column in the store and the entry in the collector's schema."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import datetime, timezone
from decimal import Decimal

from tokentide.call import FIELDS, LLMCall

from collector.decode import _WireCall
from store.connection import Store
from store.sql import Query

OF_THE_COLLECTOR = {"price_key", "capacity", "received_at", "log_place", "log_offset", "extra"}
"""What the collector adds to an event."""

OF_THE_ROLL_UP = {"superseded"}
"""What no event says: the column of a call that another row tells of better."""

COLUMNS = Query(
    "columns",
    "One row = one column that is written.",
    "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND default_kind != 'MATERIALIZED'",
    {},
)


def columns(store: Store) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, name in store.query(COLUMNS).rows:
        found.setdefault(table, set()).add(name)
    return found


def filled() -> LLMCall:
    """A call in which no field has its default."""
    values: dict[str, object] = {"started_at": datetime(2026, 11, 20, tzinfo=timezone.utc)}
    for field in dataclasses.fields(LLMCall):
        if field.name not in values and field.name != "extra":
            values[field.name] = _other_than_default(str(field.type))
    values["is_final"] = False
    return LLMCall(**values)  # type: ignore[arg-type]  # the values are made from the fields' types


def _other_than_default(kind: str) -> object:
    return {"str": "x", "int": 7, "float": 1.5, "bool": True, "Decimal": Decimal("0.5"), "Mapping": {"a": "b"}}[
        re.match(r"\w+", kind)[0]
    ]


def test_every_field_is_a_key_in_json():
    assert set(json.loads(filled().to_json())) == set(FIELDS)


def test_every_field_and_what_the_collector_adds_are_the_columns_of_ingest(store: Store):
    assert columns(store)["ingest"] == set(FIELDS) | OF_THE_COLLECTOR


def test_the_columns_of_ingest_are_those_of_the_calls_and_of_the_texts(store: Store):
    found = columns(store)
    assert found["ingest"] == (found["llm_calls"] - OF_THE_ROLL_UP) | found["llm_texts"]
    assert found["ingest"] - found["llm_calls"] == {"prompt", "response"}


def test_the_collector_checks_every_field():
    assert set(_WireCall.__struct_fields__) == set(FIELDS)


def test_no_field_is_left_behind_on_the_way_through_json():
    call = filled()
    assert LLMCall.from_json(call.to_json()) == call
