"""The intake of a running tokentide as the target of an import: its pace, its refusals, its bounds."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from loopback_intake import LoopbackIntake, Reply

from server.config import Config, ConfigError
from server.import_target import OverHttp, Target
from server.remote import Remote


def over_http(intake: LoopbackIntake, waits: list[float]) -> Target:
    return OverHttp(Remote(Config(), intake.endpoint), "secret", waits.append)


def stored(count: int) -> Reply:
    return Reply(body=json.dumps({"stored": count, "dead_letters": 0}).encode())


def test_the_intake_is_asked_again_when_it_says_so():
    replies = iter([Reply(429, retry_after="7"), Reply(503, retry_after="999"), Reply(None), Reply(502), stored(2)])
    waits: list[float] = []
    with LoopbackIntake(lambda records: next(replies)) as intake:
        taken = over_http(intake, waits).take([b"1", b"2"])
    assert (taken.stored, waits) == (2, [7.0, 30.0, 4.0, 8.0])
    assert intake.requests[0][0]["Authorization"] == "Bearer secret"


def test_what_is_too_large_for_the_intake_is_sent_in_halves():
    def reply(records: list[bytes]) -> Reply:
        return Reply(413) if b"large" in records or len(records) > 2 else stored(len(records))

    with LoopbackIntake(reply) as intake:
        taken = over_http(intake, []).take([b"1", b"2", b"large", b"3", b"4"])
    assert (taken.stored, taken.refused) == (4, Counter({"oversized": 1}))
    assert sorted(intake.records) == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(401), "--token-file"),
        (Reply(404), "refuses the events"),
        (Reply(429), "run the import again"),
        (Reply(body=b"<html>"), "correct --server"),
        (Reply(body=b"[]"), "correct --server"),
        (stored(1), "says nothing about 1 events"),
    ],
)
def test_an_intake_that_does_not_take_them_is_an_error_that_says_what_to_do(reply: Reply, sentence: str):
    with LoopbackIntake(lambda records: reply) as intake, pytest.raises(ConfigError, match=sentence):
        over_http(intake, []).take([b"1", b"2"])
