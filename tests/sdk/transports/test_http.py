from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import time

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


@pytest.mark.parametrize("status", [200, 400])
def test_what_another_kind_of_server_says_is_neither_an_acknowledgement_nor_a_refusal(status: int) -> None:
    """A web page that any address gets, or a proxy that speaks another protocol: the records must wait."""
    with LoopbackIntake(lambda records: Reply(status, content_type="text/html")) as intake:
        transport = transport_to(intake)
        with pytest.raises(TransportUnavailable, match=f"answered {status}, but not as an intake does"):
            transport.send([b"{}"], 5)
        transport.close()


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


def test_an_address_of_ip_6_needs_no_port() -> None:
    transport = HttpTransport(load({}, endpoint="http://[::1]"))
    connection = transport._new_connection()
    assert (connection.host, connection.port) == ("::1", 80)


def receive_all(connection: socket.socket) -> None:
    """Receives a request whose body is {}; what is not received when a connection is closed resets it."""
    received = b""
    while not received.endswith(b"\r\n\r\n{}") and (piece := connection.recv(65536)):
        received += piece


def test_an_answer_that_ends_with_its_connection_is_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = HttpTransport(load({}, endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}"))

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                receive_all(connection)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}")

        serving = threading.Thread(target=serve)
        serving.start()
        transport.send([b"{}"], 5)
        serving.join()


def answering(*pieces: bytes, pause_s: float = 0.0) -> tuple[socket.socket, HttpTransport]:
    """A server that sends the pieces whatever it is asked, again and again from the last one on."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for piece in itertools.chain(pieces, itertools.repeat(pieces[-1])):
                    connection.sendall(piece)
                    time.sleep(pause_s)

    threading.Thread(target=serve, daemon=True).start()
    return listener, HttpTransport(load({}, endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}"))


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
def test_an_answer_that_comes_byte_by_byte_is_given_up_in_time(start: bytes) -> None:
    listener, transport = answering(start, b"x", pause_s=0.02)
    with listener, pytest.raises(TransportUnavailable, match="does not answer"):
        transport.send([b"{}"], 0.3)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-A: ", b"SSH-2.0-OpenSSH\r\n"])
def test_an_answer_without_an_end_costs_no_memory(start: bytes) -> None:
    listener, transport = answering(start, b"x" * 65536)
    with listener, pytest.raises(TransportUnavailable, match="does not answer"):
        transport.send([b"{}"], 5)


def test_an_answer_too_many_is_not_taken_for_the_next_one() -> None:
    """Some proxies and half-broken servers send one."""
    answer = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

    def serve(listener: socket.socket) -> None:
        for statuses in ([b"200 OK", b"200 OK"], [b"503 Unavailable"]):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"".join(answer % status for status in statuses))
                served.release()
                connection.recv(65536)

    served = threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        transport = HttpTransport(load({}, endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}"))
        transport.send([b"{}"], 5)
        served.acquire(timeout=5)
        with pytest.raises(TransportUnavailable, match="503"):
            transport.send([b"{}"], 5)
        transport.close()


def test_a_fork_in_the_middle_of_a_tls_handshake_breaks_nothing() -> None:
    transport = HttpTransport(load({}, endpoint="https://127.0.0.1:9"))
    transport._connection = transport._new_connection()
    transport._connection.sock = socket.socket()
    os.close(transport._connection.sock.detach())  # as the library does while it wraps it
    transport.forget()
    assert transport._connection is None
