from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokentide.hooks.content import digest, keyed_digest, last_user_turn, shortened


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([user("a"), {"role": "assistant", "content": "b"}, user("c")], "c"),
        ([user("a"), {"role": "assistant", "content": "b"}, user("c"), user("d")], "c\nd"),
        ([{"role": "system", "content": "s"}, user("a")], "a"),
        ([user("a"), {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "42"}], "a"),
        (
            [user([{"type": "text", "text": "a"}, {"type": "image", "source": {}}, {"type": "text", "text": "b"}])],
            "a\nb",
        ),
        ([user([{"type": "input_text", "text": "a"}])], "a"),
        ([user("a"), {"role": "assistant", "content": "b"}, user([{"type": "tool_result", "content": "42"}])], "a"),
        ([], ""),
        ("not a list", ""),
        ([None, 3, {"role": "user"}], ""),
    ],
)
def test_the_prompt_is_what_the_user_said_last(messages: Any, said: str) -> None:
    assert last_user_turn(messages) == said


@given(st.text(), st.integers(1, 30))
def test_a_shortened_text_keeps_its_ends_and_its_limit(whole: str, limit: int) -> None:
    short, was_cut = shortened(whole, limit)
    assert len(short) <= limit
    assert was_cut == (len(whole) > limit)
    if not was_cut:
        assert short == whole
    elif limit >= 5:
        assert short[0] == whole[0]
        assert short[-1] == whole[-1]


def test_a_user_is_a_pseudonym_only_with_a_key() -> None:
    assert keyed_digest("ann", "") == ""
    assert keyed_digest("", "key") == ""
    assert keyed_digest("ann", "key") != keyed_digest("ann", "other key")
    assert "ann" not in keyed_digest("ann", "key")


def test_the_same_text_has_the_same_digest() -> None:
    assert digest("a") == digest("a") != digest("b")
    assert digest("") == ""
    assert len(digest("\ud800")) == 32
