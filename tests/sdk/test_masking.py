from __future__ import annotations

import json
import random
import re
import string
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokentide.masking import masked
from tokentide.masking_patterns import PATTERNS

# No string in the file is anybody's. The mark in what looks like a key keeps scanners from taking it for a leak.
MARK = "¦"
CASES = json.loads((Path(__file__).parent / "masking_cases.json").read_text("utf-8"))
UNTOUCHED = CASES.pop("untouched")
TO_MASK = [(text.replace(MARK, ""), expected) for rows in CASES.values() for text, expected in rows]

WORDS = st.text(st.sampled_from("abcXYZ019 .,:;/@%+-_=()[]{}'\"\\\n\u00e4\u20ac"), max_size=60)
# What masking looks for, in pieces, so that they meet in every way.
PIECES = st.sampled_from(
    [
        "ann@example.com", "4111 1111 1111 1111", "4111111111111111", "DE89370400440532013000", "203.0.113.7", "@", "+49",
        "2001:db8::1", "+49 30 1234567", "sk-", "Abc123dEf456Ghi789jKl", "password", "=", ": ", '"', "bearer ", "://", "a:b",
        "token", "eyJ", ".", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", " ", "\n", "0", "7", "x", "%40", "tel",
        "DB_PASSWORD=", "`", '\\"', "**", "--password ", "curl -u ", "cookie: a=", "[", "](", "</", ">", '"value":', "\\n", "sig=",
    ]
)  # fmt: skip


def luhn(digits: str) -> str:
    """`digits` with the check digit that makes them valid."""
    doubled = [2 * int(digit) if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(digits))]
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def account(country: str, digits: str) -> str:
    """An account number with the check digits that make it valid."""
    number = "".join(str(int(character, 36)) for character in digits + country + "00")
    return f"{country}{98 - int(number) % 97:02d}{digits}"


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


VISA = digits(14).map(lambda some: luhn("4" + some))
MASTERCARD = digits(13).map(lambda some: luhn("55" + some))
AMEX = digits(12).map(lambda some: luhn("34" + some))
KEY_CHARACTERS = string.ascii_letters + string.digits


def test_there_are_enough_cases_of_both_kinds() -> None:
    assert len(TO_MASK) >= 150
    assert len(UNTOUCHED) >= 150
    assert {pattern.name for pattern in PATTERNS} == set(CASES)


@pytest.mark.parametrize(("text", "expected"), TO_MASK)
def test_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize("text", UNTOUCHED)
def test_is_left_untouched(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(("text", "expected"), TO_MASK)
def test_masking_again_changes_nothing(text: str, expected: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_every_case_is_masked_in_the_middle_of_the_others() -> None:
    whole = "\n\n".join(text for text, _ in TO_MASK)
    assert masked(whole) == "\n\n".join(expected for _, expected in TO_MASK)


@given(st.lists(st.one_of(PIECES, WORDS)).map("".join))
@example("\u0130\u0130\u0130 ann@example.com")
def test_masking_a_masked_text_changes_nothing(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@given(WORDS, st.one_of(VISA, MASTERCARD, AMEX), WORDS)
def test_a_card_between_words_is_always_masked(before: str, card: str, after: str) -> None:
    assert card not in masked(f"{before} {card} {after}")


@given(WORDS, st.one_of(VISA, MASTERCARD), st.sampled_from([" ", "-", "\u00a0", " - "]), WORDS)
def test_a_card_in_groups_is_always_masked(before: str, card: str, gap: str, after: str) -> None:
    written = gap.join(re.findall("....", card))
    assert written not in masked(f"{before}\n{written}\n{after}")


@given(VISA, st.integers(1, 9))
def test_a_wrong_check_digit_is_no_card(card: str, more: int) -> None:
    wrong = card[:-1] + str((int(card[-1]) + more) % 10)
    assert masked(f"no {wrong}.") == f"no {wrong}."


@given(WORDS, digits(18), WORDS)
def test_an_account_number_is_always_masked(before: str, some: str, after: str) -> None:
    number = account("DE", some)
    assert number not in masked(f"{before} {number} {after}")


@given(WORDS, st.ip_addresses(v=4).filter(lambda one: not (one.is_loopback or one.is_unspecified)), WORDS)
def test_an_address_of_the_internet_is_always_masked(before: str, address: object, after: str) -> None:
    assert str(address) not in masked(f"{before} by {address} {after}").split()


@given(WORDS, st.text(KEY_CHARACTERS, min_size=20, max_size=60), WORDS)
def test_a_key_is_always_masked(before: str, key: str, after: str) -> None:
    key = f"sk-a1B2c3D4e5F6{key}"
    assert key not in masked(f"{before} {key} {after}")


@given(st.text(), st.text())
def test_an_email_is_masked_in_any_text(before: str, after: str) -> None:
    assert "ann@example.com" not in masked(f"{before} ann@example.com {after}")


@given(st.binary(min_size=16, max_size=64))
def test_a_hexadecimal_digest_is_left_untouched(some: bytes) -> None:
    digest = f"{some.hex()}f"
    assert masked(f"sha {digest}") == f"sha {digest}"


@given(st.datetimes(), st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ", "%d.%m.%Y", "%m/%d/%Y", "%H:%M"]))
def test_a_date_is_left_untouched(moment: object, form: str) -> None:
    written = format(moment, form)
    assert masked(f"on {written}.") == f"on {written}."


@given(st.decimals(0, 10**9, places=2))
def test_a_price_is_left_untouched(price: object) -> None:
    assert masked(f"${price:,}") == f"${price:,}"


@given(st.uuids())
@example("52541826-6798-4072-95ab-40606b8abe8d")  # a card's check digit
@example("c7b0c07a-e253-49da-be86-839bde82f0e5")  # an account's
@example("12704f9d-0092-4769-896f-c5b2d38740c6")  # a phone's beginning
def test_a_uuid_is_left_untouched(some: object) -> None:
    assert masked(f"id {some}") == f"id {some}"


HARD = [
    "word ", "4111 ", "4111 1111 1111 1112 ", "1 2 3 4 ", "sk-", "sg.sk-abcd-", "eyJ", "eyJaaaaaaaa.", "a.", "a@", "@a.",
    "a@b.com ", "-----BEGIN PRIVATE KEY----- . ", "-----BEGIN PRIVATE KEY-----a-", "password=", "token:", "secret:x(", ":", "2001:",
    "+1", "(", "0", "5", "DE12", "tel ", "call 123456 ", "://a:", "bearer aaaaaaaaaa", "authorization: ", "1.1.1.1.", "api", "\\n",
    "PASSWORD=", "PASSWORD_1=\\", 'password="\\', 'password=\\"', "password=a(", "password" + 60 * " ", "password>", "password value ",
    "--password ", "-", "curl ", "curl -u a", "cookie: a=b; ", 'api_keys: ["', "12345678:AA", "?sig=", ":\\/\\/a:", "4111\n", "homeTel",
    "-----BEGIN PRIVATE KEY-----\n> ", "hooks.slack.com/services/", "Chrome/1.1.1.1 ", "+1.234.567", "token=$A{", "token=a.b.",
]  # fmt: skip


@pytest.mark.parametrize("piece", HARD)
def test_the_time_is_in_proportion_to_the_text(piece: str) -> None:
    """Ten times the text may not take much more than ten times as long; what grows with the square takes a hundred."""
    small, large = 20_000, 200_000

    def seconds(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        runs = []
        for _ in range(3):
            started = time.thread_time()
            masked(text)
            runs.append(time.thread_time() - started)
        return min(runs)

    assert seconds(large) / seconds(small) < 40


def test_four_megabytes_of_words_are_masked_as_a_few_are() -> None:
    chance = random.Random(1)
    words = " ".join(chance.choices(["the", "order", "12", "of", "2024-01-15", "costs", "$19.99", "today."], k=600_000))
    assert masked(f"{words} ann@example.com") == f"{words} [email]"
