"""Who may send over HTTP, how fast and how much: at the routes, over loopback."""

from __future__ import annotations

import gzip
import select
import socket
from contextlib import ExitStack

import pytest
from events import AT, a_call
from running_intake import serving
from running_pipeline import running_pipeline, wait_until

from collector.config import CollectorConfig
from collector.formats import FORMATS
from collector.record import Outcome
from collector.senders import digest_of
from collector.sources.http import HttpIntake, IntakeFull
from store.connection import Store
from store.sql import parse

LINES = a_call().to_json()
TOKENS = {
    "search": {"sha256": [digest_of("one")], "team": "search", "app": "shop"},
    "slow": {"sha256": [digest_of("slow")], "events_per_s": 2},
}
WHOSE = parse("whose", "-- teams and apps\nSELECT seq, team, app FROM llm_calls FINAL ORDER BY seq")


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic b25l"])
def test_where_tokens_are_asked_for_nothing_is_taken_without_one(path: str, authorization: str) -> None:
    config = CollectorConfig(tokens=TOKENS)
    with serving(HttpIntake(config), config) as client:
        answer = client.post(path, content=LINES, headers={"authorization": authorization})
        # The same connection serves the next request.
        again = client.post(path, content=b"x" * 1_000_000, headers={"authorization": authorization})
    assert (answer.status_code, again.status_code) == (401, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in answer.json()["error"]


def test_the_events_of_a_token_are_its_teams(store: Store) -> None:
    config = CollectorConfig(tokens=TOKENS)
    intake = HttpIntake(config)
    claims = [a_call(seq=1, team="rich").to_json(), a_call(seq=2, team="search", app="").to_json(), b"nonsense"]
    with running_pipeline(intake, store), serving(intake, config) as client:
        answers = [
            client.post("/v1/events", content=b"\n".join(claims), headers={"authorization": "Bearer one"}),
            client.post(
                "/v1/events", content=a_call(seq=3, team="r").to_json(), headers={"authorization": "Bearer slow"}
            ),
        ]
    assert [answer.json()["stored"] for answer in answers] == [2, 1]
    assert store.query(WHOSE).rows == [(1, "search", "shop"), (2, "search", "shop"), (3, "r", "shop")]


LITELLM = {
    "litellm_call_id": "79413b16-e2f3-48a8-b881-22eb0c87b23d",
    "call_type": "acompletion",
    "status": "success",
    "startTime": AT.timestamp(),
    "endTime": AT.timestamp() + 1,
    "model": "gpt-5",
    "custom_llm_provider": "openai",
    "metadata": {"user_api_key_team_alias": "rich"},
}


def test_the_events_of_other_formats_are_the_tokens_as_well(store: Store) -> None:
    config = CollectorConfig(tokens=TOKENS)
    intake = HttpIntake(config)
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "chat gpt-5",
        "startTimeUnixNano": str(int(AT.timestamp() * 1e9)),
        "endTimeUnixNano": str(int(AT.timestamp() * 1e9) + 10**9),
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-5"}},
        ],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "other"}}]}
    spans = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    headers = {"authorization": "Bearer one"}
    with running_pipeline(intake, store), serving(intake, config) as client:
        assert client.post("/v1/litellm", json=[LITELLM], headers=headers).is_success
        assert client.post("/v1/traces", json=spans, headers=headers).is_success
    assert [row[1:] for row in store.query(WHOSE).rows] == [("search", "shop")] * 2


def test_a_token_that_sends_too_fast_is_told_how_long_to_wait(store: Store) -> None:
    config = CollectorConfig(tokens=TOKENS)
    intake = HttpIntake(config)
    headers = {"authorization": "Bearer slow"}
    body = b"\n".join(a_call(seq=n).to_json() for n in range(2002))
    with running_pipeline(intake, store), serving(intake, config) as client:
        assert client.post("/v1/events", content=body, headers=headers).status_code == 200
        answer = client.post("/v1/events", content=body, headers=headers)
        assert answer.status_code == 429
        assert 500 < int(answer.headers["retry-after"]) <= 1000
        assert "more events than this token may send" in answer.json()["error"]


def test_a_refusal_of_the_full_intake_does_not_count_against_the_pace() -> None:
    config = CollectorConfig(tokens=TOKENS, intake_queue_bytes=2000)
    intake = HttpIntake(config)
    intake.submit([b"x" * 1000])
    with serving(intake, config) as client:
        for _ in range(2):
            # The body has room, its hundred events have not.
            answer = client.post("/v1/events", content=b"{}\n" * 100, headers={"authorization": "Bearer slow"})
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            assert "too many events wait for the store" in answer.json()["error"]


def test_a_request_of_too_many_events_is_refused() -> None:
    config = CollectorConfig(max_request_events=3)
    with serving(HttpIntake(config), config) as client:
        answer = client.post("/v1/events", content=b"{}\n" * 4)
    assert answer.status_code == 413
    assert answer.json()["error"] == "more than 3 events: send fewer events at once"


def test_a_body_that_takes_too_long_gets_a_408_and_gives_its_room_back() -> None:
    config = CollectorConfig(receive_timeout_s=0.2, intake_queue_bytes=20)
    intake = HttpIntake(config)
    with (
        serving(intake, config) as client,
        socket.create_connection((client.base_url.host, client.base_url.port)) as slow,
    ):
        slow.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n0123456789")
        answer = b"".join(iter(lambda: slow.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body took more than 0.2 s" in answer
    with intake.room() as room, intake.room() as other:
        other.hold(1)
        room.hold(19)


def test_bodies_that_arrive_count_with_what_waits() -> None:
    config = CollectorConfig(intake_queue_bytes=100)
    intake = HttpIntake(config)
    with intake.room() as first, intake.room() as second:
        first.hold(1000)  # alone, one is never too much
        with pytest.raises(IntakeFull):
            second.hold(1)
        first.hold(60)
        second.hold(40)
        with pytest.raises(IntakeFull):
            second.hold(41)
        with pytest.raises(IntakeFull):
            intake.submit([b""])
    waiting = intake.submit([b"x" * 90])
    with intake.room() as third, pytest.raises(IntakeFull):
        third.hold(1)
    chunk = intake.read()
    assert chunk
    chunk.acknowledge(Outcome(1))
    assert waiting.result(timeout=1)
    with intake.room() as third, intake.room() as other:
        other.hold(1)
        third.hold(99)


def test_events_take_over_the_room_of_their_body() -> None:
    intake = HttpIntake(CollectorConfig(intake_queue_bytes=1000))
    with intake.room() as room:
        room.hold(900)
        intake.submit([b"x" * 900], room=room)
        assert room.size == 0
    with intake.room() as other, pytest.raises(IntakeFull):
        other.hold(1)


def refused(senders: list[socket.socket]) -> int:
    """How many of them have an answer."""
    waiting = select.poll()  # select() knows no descriptor above 1023
    for sender in senders:
        waiting.register(sender, select.POLLIN)
    return len(waiting.poll(0))


def test_many_slow_senders_take_no_more_than_the_intake_may_hold() -> None:
    config = CollectorConfig(intake_queue_bytes=200_000, receive_timeout_s=120)
    intake = HttpIntake(config)
    begun = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10_000
    with serving(intake, config) as client:
        with ExitStack() as stack:
            address = (client.base_url.host, client.base_url.port)
            senders = [stack.enter_context(socket.create_connection(address)) for _ in range(100)]
            for sender in senders:
                sender.sendall(begun)
            wait_until(lambda: refused(senders) >= 80)
            assert client.post("/v1/events", content=begun).status_code == 429
        wait_until(lambda: room_is_free(intake, config))


def room_is_free(intake: HttpIntake, config: CollectorConfig) -> bool:
    """Whether all of it may be held again."""
    with intake.room() as one, intake.room() as rest:
        try:
            one.hold(1)
            rest.hold(config.intake_queue_bytes - 1)
        except IntakeFull:
            return False
    return True


def test_a_small_body_of_many_lines_is_not_read_to_its_end() -> None:
    config = CollectorConfig(max_request_events=1000)
    with serving(HttpIntake(config), config) as client:
        body = gzip.compress(b"1\n" * 8_000_000)
        assert client.post("/v1/events", content=body, headers={"content-encoding": "gzip"}).status_code == 413
