"""Long texts: only their ends are masked and kept, whatever there is between them."""

from __future__ import annotations

from typing import Any

import pytest
from tokentide.config import load
from tokentide.hooks import _texts
from tokentide.hooks._texts import Texts

MAIL = "ann@example.com"


def texts(**settings: Any) -> Texts:
    return Texts(load({}, content_max_chars=1_000, **settings), lambda: pytest.fail("a text could not be masked"))


def words(count: int) -> str:
    return "The card was topped up. " * (count // 24)


def test_the_ends_of_a_long_text_are_masked_and_its_middle_is_left_out() -> None:
    whole = f"{MAIL} {words(400)}{MAIL} {words(2_000_000)}{MAIL} {words(400)}{MAIL}"
    found = texts().response(whole, "masked", has_hole=False)
    assert MAIL not in found["response"]
    assert found["response"].startswith("[email] The card")
    assert found["response"].endswith("up. [email]")
    assert found["response"].count("[email]") == 4
    assert (len(found["response"]) <= 1_000, found["response_truncated"]) == (True, True)
    assert found["response_chars"] == len(whole)


@pytest.mark.parametrize("before", range(480, 520, 3))
def test_a_secret_at_the_place_of_the_cut_is_masked_whole(before: int) -> None:
    whole = f"{'x' * (before - 1)} {MAIL} {words(200_000)} {MAIL} {'x' * (before - 1)}"
    shown = texts().prompt(whole, "masked")["prompt"]
    assert not [part for part in ("ann@", "@exam", "example", ".com") if part in shown]


def test_only_so_much_of_a_long_text_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(_texts, "masked", lambda text: seen.append(len(text)) or text)
    texts().response("sg." * 1_400_000, "masked", has_hole=False)
    assert sum(seen) < 100_000


def test_long_prompts_with_the_same_ends_are_told_apart_by_their_length() -> None:
    def hashed(middle: int, **settings: Any) -> str:
        return str(texts(**settings).prompt(f"{words(100_000)}{'x' * middle}{words(100_000)}", "masked")["prompt_hash"])

    assert hashed(1) == hashed(1) != hashed(2)
    assert hashed(1, user_key="key") != hashed(1)
