"""Who may write, for whom and how fast: the pure decisions, and what holds them together."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from events import a_call
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from collector.admission import Admission, TooFast, Unauthorized
from collector.config import CollectorConfig, SenderConfig
from collector.metrics import Metrics
from collector.pace import Pace, now_at, taken, wait_s
from collector.senders import Sender, TokensError, digest_of, find


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def entry(*tokens: str, **more: Any) -> dict[str, Any]:
    return {"sha256": [digest_of(token) for token in tokens], **more}


def admission(clock: Clock, registry: CollectorRegistry | None = None, **settings: Any) -> Admission:
    return Admission(CollectorConfig(**settings), Metrics(registry or CollectorRegistry()), clock)


# Tokens


def test_a_token_is_written_down_as_its_sha256() -> None:
    assert digest_of("abc") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer one", "a"),
        ("bearer one", "a"),
        ("Bearer  one ", "a"),
        ("Bearer two", "a"),
        ("Bearer three", "b"),
        ("Bearer gar\xc3\xa7on", "b"),
        ("Basic one", None),
        ("one", None),
        ("Bearer", None),
        ("Bearer on", None),
        ("Bearer ONE", None),
        ("Bearer \u20ac", None),
        ("", None),
    ],
)
def test_a_token_belongs_to_one_sender_or_to_none(authorization: str, expected: str | None) -> None:
    senders = {"a": SenderConfig(**entry("one", "two")), "b": SenderConfig(**entry("three", "garçon"))}
    found = find(senders, authorization)
    assert (found and found.name) == expected


def test_without_tokens_everyone_may_send(clock: Clock) -> None:
    assert admission(clock).sender("") is None
    assert admission(clock).sender("Bearer anything") is None


def test_with_tokens_only_their_senders_may(clock: Clock) -> None:
    door = admission(clock, tokens={"a": entry("one")})
    assert door.sender("Bearer one") == Sender("a", SenderConfig(**entry("one")))
    with pytest.raises(Unauthorized):
        door.sender("")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": {"a": entry("one"), "b": entry("two", "one")}}, "a and b share a token"),
        ({"tokens": {"a": {"sha256": ["abc"]}}}, "pattern"),
        ({"tokens": {"a": {"sha256": []}}}, "at least 1 item"),
        ({"tokens": {"a": {"sha256": ["0" * 64] * 9}}}, "at most 8 items"),
        ({"tokens": {"a": {"team": "x"}}}, "Field required"),
        ({"tokens": {"a": entry("one", events_per_s=-1)}}, "greater than or equal to 0"),
        ({"tokens": {"a": entry("one", events_per_s=float("nan"))}}, "finite|greater"),
        ({"tokens": {"a": entry("one", tean="x")}}, "Extra inputs"),
    ],
)
def test_wrong_tokens_are_refused_with_the_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CollectorConfig(**settings)


def test_a_digest_may_be_written_in_capitals() -> None:
    sender = SenderConfig(sha256=(digest_of("one").upper(),))
    assert find({"a": sender}, "Bearer one")


# A file of tokens


def write(file: Path, text: str) -> None:
    """In one step, as a secret that is mounted changes, and seen to be another file."""
    other = file.with_suffix(".new")
    other.write_text(text)
    os.replace(other, file)


def table(name: str, token: str) -> str:
    return f'[{name}]\nsha256 = ["{digest_of(token)}"]\nteam = "{name}"\n'


def may(door: Admission, token: str) -> bool:
    try:
        door.sender(f"Bearer {token}")
    except Unauthorized:
        return False
    return True


def test_a_changed_file_counts_without_a_restart(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "tokens.toml"
    write(file, table("search", "old"))
    door = admission(clock, tokens_file=file, tokens={"other": entry("own")})
    assert [may(door, token) for token in ("old", "new", "own")] == [True, False, True]
    write(file, table("search", "new"))
    assert may(door, "old")
    clock.now += 1
    assert [may(door, token) for token in ("old", "new", "own")] == [False, True, True]


@pytest.mark.parametrize("text", ["[search", "[search]\nsha256 = 1", table("a", "x") + table("b", "x"), None])
def test_a_file_that_breaks_later_changes_nothing_until_it_is_mended(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    file = tmp_path / "tokens.toml"
    write(file, table("search", "old"))
    door = admission(clock, tokens_file=file)
    file.unlink() if text is None else write(file, text)
    for _ in range(3):
        clock.now += 1
        assert [may(door, "old"), may(door, "")] == [True, False]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "the tokens from before stay valid" in caplog.text
    write(file, table("search", "new"))
    clock.now += 1
    assert [may(door, "old"), may(door, "new")] == [False, True]


def test_a_file_without_tokens_lets_nobody_in(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "tokens.toml"
    file.touch()
    assert not may(admission(clock, tokens_file=file), "anything")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "tokens_file .* cannot be used, correct it: .*No such file"),
        ("[a", "tokens_file .* cannot be used, correct it: "),
        ("[a]\nsha256 = []", r"a\.sha256: Tuple should have at least 1 item"),
        (table("twice", "new"), "twice is in collector.tokens and in .*: keep one of them"),
        (table("b", "own"), "share a token: give each its own"),
    ],
)
def test_a_file_that_is_wrong_at_the_start_is_a_sentence(
    tmp_path: Path, clock: Clock, text: str | None, message: str
) -> None:
    file = tmp_path / "tokens.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(TokensError, match=message):
        admission(clock, tokens_file=file, tokens={"twice": entry("own")})


# Pace


@given(
    rate=st.floats(0.01, 1e4),
    requests=st.lists(st.tuples(st.floats(0, 100), st.integers(0, 5000)), min_size=1, max_size=40),
)
def test_over_any_time_no_more_comes_through_than_the_rate_a_second_of_it_and_one_request(
    rate: float, requests: list[tuple[float, int]]
) -> None:
    now, passed, pace = 0.0, 0, None
    for pause, events in requests:
        now += pause
        pace = now_at(pace, rate, now)
        if not wait_s(pace, rate):
            assert passed <= rate * (now + 1) * (1 + 1e-9) + 1e-6
            pace, passed = taken(pace, events), passed + events


@given(rate=st.floats(0.01, 1e4), level=st.floats(-1e6, -1e-3), now=st.floats(0, 1e6))
def test_who_waits_as_long_as_told_may_send_again(rate: float, level: float, now: float) -> None:
    told = wait_s(now_at(Pace(level, now), rate, now), rate)
    assert told > 0
    assert wait_s(now_at(Pace(level, now), rate, now + told), rate) <= 1e-5 + told * 1e-6


def test_a_sender_that_is_too_fast_waits_and_others_do_not(clock: Clock) -> None:
    door = admission(clock, tokens={"slow": entry("s", events_per_s=10), "free": entry("f")})
    slow = door.sender("Bearer s")
    door.spend(slow, 110)
    for _ in range(2):
        with pytest.raises(TooFast) as refused:
            door.sender("Bearer s")
        assert refused.value.wait_s == pytest.approx(10)
    with pytest.raises(TooFast):
        door.spend(slow, 1)
    free = door.sender("Bearer f")
    door.spend(free, 10**9)
    door.spend(free, 10**9)
    clock.now += 10
    door.spend(door.sender("Bearer s"), 5)


def test_what_was_refused_after_all_does_not_count(clock: Clock) -> None:
    door = admission(clock, tokens={"slow": entry("s", events_per_s=10)})
    slow = door.sender("Bearer s")
    door.spend(slow, 110)
    door.give_back(slow, 110)
    door.spend(slow, 110)


CALL = a_call(team="rich", app="rich").to_json()


def test_events_of_senders_without_pins_are_the_same_bytes(clock: Clock) -> None:
    events = [CALL, b"nonsense"]
    door = admission(clock, tokens={"a": entry("one")})
    assert door.pin(None, events) is events
    assert door.pin(door.sender("Bearer one"), events) is events


def test_claims_of_others_are_counted_and_told_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    door = admission(clock, registry, tokens={"a": entry("one", team="search")})
    sender = door.sender("Bearer one")
    for pause in (0, 1, 58, 1, 59, 1):
        clock.now += pause
        door.pin(sender, [CALL, b'{"team":"search"}', CALL])
    counted = {"token": "a", "field": "team"}
    assert registry.get_sample_value("tokentide_collector_repinned_events_total", counted) == 12
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert (
        told == ["token a sent events that named another team in 2 of them: they are counted for the token's own"] * 3
    )
