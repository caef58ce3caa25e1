from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from store.connection import Store
from store.literal import literal
from store.sql import parse

AT = datetime(2026, 11, 20, 14, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize("texts", [[], ["search"], ["o'brien", "back\\slash", "line\nbreak", "tab\t", '"quoted"', "é"]])
def test_texts_in_a_list_arrive_as_they_were(store: Store, texts: list[str]) -> None:
    query = parse("echo", "-- the list\nSELECT {texts:Array(String)} AS texts")
    assert store.query(query, {"texts": texts}).scalar() == texts


def test_instants_in_a_list_arrive_in_utc(store: Store) -> None:
    query = parse(
        "echo", "-- the list\nSELECT {at:Array(DateTime64(3, 'UTC'))}[1] = {one:DateTime64(3, 'UTC')} AS same"
    )
    assert store.query(query, {"at": [AT], "one": AT}).scalar() == 1


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        literal([datetime(2026, 11, 20)])  # noqa: DTZ001 - the naive instant is the point


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object cannot be a query parameter"):
        literal(object())
