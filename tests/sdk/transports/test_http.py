from __future__ import annotations

import pytest
from loopback_intake import HANGING, LoopbackIntake, Reply
from tokentide.config import load
from tokentide.transports.http import HttpTransport
from tokentide.transports.transport import TransportRejected, TransportUnavailable


def transport_to(intake: LoopbackIntake, **settings: str) -> HttpTransport:
    return HttpTransport(load({}, endpoint=intake.endpoint, **settings))


def test_one_connection_serves_many_requests_and_a_lost_one_is_replaced() -> None:
    with LoopbackIntake() as intake:
        transport = transport_to(intake)
        transport.send([b"{}"], 5)
        transport.send([b"{}"], 5)
        assert intake.connections == 1
        intake.reply = lambda records: Reply(status=None) if len(intake.requests) == 3 else Reply()
        transport.send([b"{}"], 5)
        assert intake.connections == 2
        assert len(intake.records) == 3
        transport.close()


def test_large_bodies_are_compressed_and_small_ones_are_not() -> None:
    with LoopbackIntake() as intake:
        transport = transport_to(intake)
        transport.send([b"{}"], 5)
        transport.send([b"x" * 100] * 20, 5)
        transport.close()
    (small, _), (large, records) = intake.requests
    assert "Content-Encoding" not in small
    assert large["Content-Encoding"] == "gzip"
    assert int(large["Content-Length"]) < 200
    assert records == [b"x" * 100] * 20


def test_the_token_is_sent_when_there_is_one() -> None:
    with LoopbackIntake() as intake:
        for token in ("", "hunter2"):
            transport = transport_to(intake, token=token)
            transport.send([b"{}"], 5)
            transport.close()
    assert [headers.get("Authorization") for headers, _ in intake.requests] == [None, "Bearer hunter2"]
    assert intake.requests[0][0]["Content-Type"] == "application/x-ndjson"


@pytest.mark.parametrize("status", [400, 413])
def test_what_the_intake_will_never_take_is_rejected(status: int) -> None:
    with LoopbackIntake(lambda records: Reply(status)) as intake:
        transport = transport_to(intake)
        with pytest.raises(TransportRejected, match=str(status)):
            transport.send([b"{}"], 5)
        transport.close()


@pytest.mark.parametrize(
    ("reply", "retry_after_s"),
    [
        (Reply(503, retry_after="7"), 7.0),
        (Reply(429, retry_after="1000000"), 300.0),
        (Reply(503, retry_after="Fri, 20 Nov 2026 12:00:00 GMT"), None),
        (Reply(500), None),
        (Reply(401), None),
        (Reply(302), None),
    ],
)
def test_everything_else_is_tried_again(reply: Reply, retry_after_s: float | None) -> None:
    with LoopbackIntake(lambda records: reply) as intake:
        transport = transport_to(intake)
        with pytest.raises(TransportUnavailable, match=str(reply.status)) as caught:
            transport.send([b"{}"], 5)
        transport.close()
    assert caught.value.retry_after_s == retry_after_s


@pytest.mark.parametrize("reply", [HANGING, Reply(status=None)])
def test_an_intake_that_does_not_answer_is_unavailable(reply: Reply) -> None:
    with LoopbackIntake(lambda records: reply) as intake:
        with pytest.raises(TransportUnavailable, match="does not answer"):
            transport_to(intake).send([b"{}"], 0.3)
        intake.reply = lambda records: Reply()
        transport = transport_to(intake)
        transport.send([b"{}"], 5)
        transport.close()


def test_a_closed_port_is_unavailable() -> None:
    with LoopbackIntake() as intake:
        pass
    with pytest.raises(TransportUnavailable, match=f"127.0.0.1:{intake.port} does not answer"):
        transport_to(intake).send([b"{}"], 5)
