"""What holds of what was stated: the last statement that fits, and discounts that are never taken off twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.price_book.cells import EffectivePrice
from collector.price_book.effective import AT_LIST_PRICE, CostVersion, Statement, book_at, effective
from collector.price_book.overlay import joined
from collector.price_book.price_file import parse_price_file
from collector.price_book.row import BEGINNING, END, PriceRow, price_key

FIRST, DAYS, MODELS = datetime(2026, 11, 1, tzinfo=timezone.utc), 6, ("large", "small")
WHO = '[[price]]\nprovider = "ours"\nmodel = "{}"\n'
LIST_PRICE = Decimal(100)


class Said(NamedTuple):
    """An own rate, or a discount in tenths, of some days."""

    model: str
    first: int
    days: int
    number: int
    is_discount: bool

    def covers(self, model: str, day: int) -> bool:
        return self.model in ("*", model) and self.first <= day < self.first + self.days

    def statement(self, whose: str = "") -> Statement:
        what = f"discount = 0.{self.number}\n" if self.is_discount else f"rates = {{ input_rate = {self.number} }}\n"
        since, until = (FIRST + timedelta(days=day) for day in (self.first, self.first + self.days))
        span = f"valid_from = {since:%Y-%m-%d}\nvalid_to = {until:%Y-%m-%d}\n"
        (one,) = parse_price_file(WHO.format(self.model) + whose + span + what, "contract", "ours")
        return one


SPAN = (st.integers(0, 4), st.integers(1, 5), st.integers(0, 9))
RATES = st.builds(Said, st.sampled_from(MODELS), *SPAN, st.just(value=False))
DISCOUNTS = st.builds(Said, st.sampled_from((*MODELS, "*")), *SPAN, st.just(value=True))
CONTRACTS = st.lists(st.one_of(RATES, DISCOUNTS), max_size=7)


def listed() -> list[Statement]:
    text = "".join(f"{WHO.format(model)}rates = {{ input_rate = {LIST_PRICE} }}\n" for model in MODELS)
    return parse_price_file(text, "override", "listed")


def stated(text: str, team: str = "") -> list[Statement]:
    whose = f'team = "{team}"\n' if team else ""
    return parse_price_file(f"{WHO.format('large')}{whose}{text}\n", "contract", "ours")


def rates(rows: list[PriceRow]) -> dict[tuple[str, int], Decimal | None]:
    points = [(model, day) for model in MODELS for day in range(DAYS)]
    return {(model, day): at(rows, FIRST + timedelta(days=day), model=model) for model, day in points}


def at(rows: list[PriceRow], instant: datetime, tokens: int = 0, model: str = "large") -> Decimal | None:
    (row,) = [row for row in rows if row.model == model and row.holds(instant, tokens)]
    return row.input_rate


def contracted(said: list[Said]) -> list[PriceRow]:
    return book_at([*listed(), *(one.statement() for one in said)], 0)


def what_holds(said: list[Said], model: str, day: int, below: Decimal = LIST_PRICE) -> Decimal:
    fitting = [one for one in said if one.covers(model, day)]
    undiscounted = [below, *(Decimal(one.number) for one in fitting if not one.is_discount)][-1]
    is_discounted = bool(fitting) and fitting[-1].is_discount
    return undiscounted * (10 - fitting[-1].number) / 10 if is_discounted else undiscounted


@given(said=CONTRACTS)
def test_the_last_statement_that_fits_holds_and_a_discount_is_off_what_holds_without_discounts(
    said: list[Said],
) -> None:
    found = rates(contracted(said))
    assert found == {(model, day): what_holds(said, model, day) for model, day in found}


@given(said=CONTRACTS)
def test_a_file_that_is_stated_twice_changes_nothing(said: list[Said]) -> None:
    assert joined(contracted(said + said)) == joined(contracted(said))


@given(earlier=DISCOUNTS, later=DISCOUNTS)
def test_a_later_discount_replaces_an_earlier_one_where_both_fit_and_only_there(earlier: Said, later: Said) -> None:
    both, one, other = (rates(contracted(said)) for said in ([earlier, later], [earlier], [later]))
    assert both == {place: other[place] if later.covers(*place) else one[place] for place in both}


@given(discount=DISCOUNTS, said=CONTRACTS)
def test_a_discount_is_taken_back_by_one_of_zero(discount: Said, said: list[Said]) -> None:
    own = [one for one in said if not one.is_discount]
    assert joined(contracted([*own, discount, discount._replace(number=0)])) == joined(contracted(own))


def test_the_discount_of_a_team_is_off_what_everyone_pays() -> None:
    said = [*listed(), *stated("discount = 0.1"), *stated("discount = 0.5", "red")]
    assert at(book_at(said, 0), FIRST) == 90
    assert at(book_at(said, 0, "blue"), FIRST) == 90
    assert at(book_at(said, 0, "red"), FIRST) == 45
    assert at(book_at(said, 0, AT_LIST_PRICE), FIRST) == 100


@pytest.mark.parametrize(
    ("model", "pattern", "is_off"),
    [
        ("gpt-5 [own]", "gpt-* [own]", True),
        ("what?", "w*?", True),
        ("gpt-5", "gpt-?", False),
        ("gpt-5", "gpt-[5]", False),
    ],
)
def test_in_the_pattern_of_a_discount_only_the_asterisk_is_special(model: str, pattern: str, is_off: bool) -> None:
    own = parse_price_file(f"{WHO.format(model)}rates = {{ input_rate = 100 }}\n", "override", "listed")
    discount = parse_price_file(f"{WHO.format(pattern)}discount = 0.5\n", "contract", "ours")
    assert at(book_at([*own, *discount], 0), FIRST, model=model) == (50 if is_off else 100)


def test_a_discount_holds_in_its_hours_and_for_its_sizes_only() -> None:
    rows = book_at([*listed(), *stated("discount = 0.5\nday_from = 16:30:00\ninput_from = 1000")], 0)
    noon, evening = (FIRST.replace(hour=hour) for hour in (12, 20))
    assert (at(rows, noon, 1000), at(rows, evening, 999), at(rows, evening, 1000)) == (100, 100, 50)
    assert at(rows, datetime.combine(FIRST, time(16, 30), timezone.utc), 1000) == 50


def says_something(said: list[Said], model: str, day: int) -> bool:
    """Not so where there is nothing but discounts, and the last of them is taken back."""
    fitting = [one for one in said if one.covers(model, day)]
    has_rates = any(not one.is_discount for one in fitting)
    return bool(fitting) and (has_rates or fitting[-1].number > 0)


OF_A_TEAM, OF_AN_ACCOUNT = 'team = "red"\n', 'account = "ours"\n'


@given(for_all=CONTRACTS, of_team=CONTRACTS, of_account=CONTRACTS, later=st.booleans())
def test_an_account_goes_before_a_team_where_it_says_something_and_only_there(
    for_all: list[Said], of_team: list[Said], of_account: list[Said], later: bool
) -> None:
    """`later`: the account's contract is recorded on the third day, so that it says nothing of the days before."""
    known = [*listed(), *(one.statement() for one in for_all), *(one.statement(OF_A_TEAM) for one in of_team)]
    said = [*known, *(replace(one.statement(OF_AN_ACCOUNT), update_number=1) for one in of_account)]
    since = FIRST + timedelta(days=2)
    versions = [CostVersion(1, 0, BEGINNING, END), CostVersion(2, 1, since if later else BEGINNING, END)]
    found = effective(said, versions)
    for model, day in ((model, day) for model in MODELS for day in range(DAYS)):
        below = what_holds(for_all, model, day)
        wanted = what_holds(of_team, model, day, below) if says_something(of_team, model, day) else below
        if says_something(of_account, model, day) and not (later and day < 2):
            wanted = what_holds(of_account, model, day, below)
        at_once, update = FIRST + timedelta(days=day), 0 if later and day < 2 else 1
        assert charged(found, model, at_once) == wanted
        assert at(book_at(said, update, "red", "account:ours"), at_once, model=model) == wanted


def test_an_account_may_have_the_first_price_of_a_model() -> None:
    entry = "{}valid_to = 2026-11-03\nrates = {{ input_rate = {} }}"
    of_account = parse_price_file(WHO.format("large") + entry.format(OF_AN_ACCOUNT, 3), "contract", "ours")
    of_team = parse_price_file(WHO.format("large") + f"{OF_A_TEAM}rates = {{ input_rate = 5 }}\n", "contract", "ours")
    said = [*of_account, *(replace(one, update_number=1) for one in of_team)]
    found = effective(said, [CostVersion(1, 0, BEGINNING, END), CostVersion(2, 1, FIRST + timedelta(days=1), END)])
    assert [charged(found, "large", FIRST + timedelta(days=day)) for day in range(3)] == [3, 3, 5]


def charged(prices: list[EffectivePrice], model: str, instant: datetime) -> Decimal:
    """The rate of a call of both: of the first payer that has prices of the model, as the views look for it."""
    of_model = [one for one in prices if one.price_key == price_key("ours", model, "")]
    for payer in (("account:ours", "red"), ("account:ours", ""), ("red", ""), ("", "")):
        theirs = [one for one in of_model if (one.team, one.team_below) == payer]
        if theirs:
            (held,) = [one for one in theirs if one.starts_at <= instant < one.ends_at]
            return Decimal(held.input_rate) / 10**6
    raise AssertionError(model)


def prices(*said: Statement) -> dict[tuple[str, str], int]:
    found: list[EffectivePrice] = effective([*listed(), *said], [CostVersion(1, 0, BEGINNING, END)])
    names = {price_key("ours", model, ""): model for model in MODELS}
    return {(price.team, names[price.price_key]): price.input_rate // 10**6 for price in found}


def test_a_payer_has_prices_of_its_own_only_where_a_contract_makes_them_different() -> None:
    for_all = {("", "large"): 100, ("", "small"): 100}
    assert prices() == for_all
    assert prices(*stated("discount = 0.5", "red")) == for_all | {("red", "large"): 50}
    assert prices(*stated("discount = 0.5", "red"), *stated("discount = 0", "red")) == for_all


def test_under_a_contract_for_everyone_the_list_price_is_still_known() -> None:
    assert prices(*stated("discount = 0.2"), *stated("discount = 0.5", "red")) == {
        ("", "large"): 80,
        ("", "small"): 100,
        ("red", "large"): 40,
        (AT_LIST_PRICE, "large"): 100,
    }


def test_where_nothing_is_said_of_a_size_no_price_reaches() -> None:
    said = parse_price_file(WHO.format("large") + "input_to = 1000\nrates = { input_rate = 1 }\n", "override", "ours")
    found = effective(said, [CostVersion(1, 0, BEGINNING, END)])
    assert [(one.cell, one.input_from, one.ends_at > one.starts_at) for one in found] == [
        (0, 0, True),
        (1, 1000, False),
    ]
