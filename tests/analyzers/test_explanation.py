from __future__ import annotations

from analyzers.explanation import characteristic_terms, shortened


def test_terms_are_those_that_mark_the_texts() -> None:
    others = ["where is my card", "my card is lost", "is my account open", "why is my card late"] * 5
    texts = ["where is my recipe", "is my recipe salty", "my recipe is salty", "the recipe for my dinner"] * 2
    assert characteristic_terms(texts, others) == ["recipe", "salty"]


def test_words_that_both_use_are_not_characteristic() -> None:
    assert characteristic_terms(["the same words"] * 20, ["the same words"] * 20) == []


def test_function_words_are_not_characteristic() -> None:
    assert characteristic_terms(["with this and that"] * 20, ["card"] * 20) == []


def test_no_more_terms_than_asked_for_are_given() -> None:
    assert characteristic_terms(["seven eight nine ten eleven"] * 9, ["other"] * 30, most=2) == ["eight", "eleven"]


def test_an_example_is_one_short_line() -> None:
    assert shortened("two\nlines", 20) == "two lines"
    assert shortened("a long example", 7) == "a long…"
