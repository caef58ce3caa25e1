from __future__ import annotations

import json
from decimal import Decimal

import pytest
from conftest import NOW
from hypothesis import example, given
from hypothesis import strategies as st

from server.exact_json import as_json, exact


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**26), max_value=10**26))
@example(Decimal("99999999999999999999999999.999999999999"))
@example(Decimal("100"))
def test_money_keeps_every_digit(cost: Decimal) -> None:
    assert Decimal(exact(cost)) == cost
    assert not exact(cost).endswith(".")


def test_money_and_instants_are_texts() -> None:
    found = {"cost": Decimal("0.001013000000"), "at": NOW, "none": None}
    assert json.loads(as_json(found)) == {"cost": "0.001013", "at": "2026-11-20T12:00:00+00:00", "none": None}


def test_what_has_no_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="set"):
        as_json({1})
