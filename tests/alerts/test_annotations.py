import pytest

from alerts.annotations import money, one_line, placeholders, render


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "$1,234.50"), (0.0312, "$0.0312"), (0, "$0.00"), (-2.5, "-$2.50"), (0.000001, "$0.0000")],
)
def test_money_shows_cents_and_more_below_a_dollar(value: float, text: str) -> None:
    assert money(value) == text


def test_values_are_written_in_their_unit() -> None:
    text = render(
        "{team}: {value:money} = {share:percent} of {n}", {"team": "ads", "value": 3, "share": 0.125, "n": 2000}
    )
    assert text == "ads: $3.00 = 12.5 % of 2,000"


def test_what_is_not_known_is_called_unknown() -> None:
    assert render("{value:money}", {"value": None}) == "unknown"


def test_a_label_cannot_break_the_line_or_reach_into_python() -> None:
    assert render("{team}", {"team": "a\r\nFIRING\x1b[31m {value.__class__}"}) == "a FIRING [31m {value.__class__}"
    assert len(one_line("x" * 5000)) == 200


@pytest.mark.parametrize(
    "template", ["{value.real}", "{value[0]}", "{}", "{0}", "{value!r}", "{value:.2f}", "{value:euro}"]
)
def test_only_names_and_units_are_placeholders(template: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        placeholders(template)
