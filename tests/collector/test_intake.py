from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Iterator

import httpx
import pytest
import zstandard
from events import a_call
from running_intake import serving
from running_pipeline import running_pipeline

from collector.config import CollectorConfig
from collector.record import Outcome
from collector.sources.http import HttpIntake, IntakeClosed
from store.connection import Store

SMALL = CollectorConfig(max_request_bytes=20_000, intake_queue_bytes=3_000, intake_timeout_s=0.2)


@pytest.fixture
def stored(store: Store) -> Iterator[httpx.Client]:
    """A client of an intake whose records are stored."""
    intake = HttpIntake(CollectorConfig())
    with running_pipeline(intake, store), serving(intake, CollectorConfig(max_request_bytes=20_000)) as client:
        yield client


@pytest.fixture
def waiting() -> Iterator[httpx.Client]:
    """A client of a small intake that nobody reads."""
    intake = HttpIntake(SMALL)
    with serving(intake, SMALL) as client:
        yield client


LINES = b"\n".join([a_call(seq=1).to_json(), b"", b"nonsense", a_call(seq=2).to_json()]) + b"\n"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (LINES, None),
        (LINES, "identity"),
        (gzip.compress(LINES), "gzip"),
        (zstandard.ZstdCompressor().compress(LINES), "zstd"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(LINES), "ZSTD"),
        (gzip.compress(LINES[:10]) + gzip.compress(LINES[10:]), "gzip"),
        (zstandard.ZstdCompressor().compress(LINES[:10]) + zstandard.ZstdCompressor().compress(LINES[10:]), "zstd"),
    ],
)
def test_an_answer_says_what_became_of_every_line(stored: httpx.Client, body: bytes, encoding: str | None) -> None:
    headers = {"content-encoding": encoding} if encoding else {}
    answer = stored.post("/v1/events", content=body, headers=headers)
    reasons = {"malformed_json": 1}
    assert (answer.status_code, answer.json()) == (200, {"stored": 2, "dead_letters": 1, "reasons": reasons})


def test_requests_that_are_stored_together_are_answered_each_for_its_own_lines(stored: httpx.Client) -> None:
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(post(stored, n))) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [1, 2, 3, 4, 5]


def post(client: httpx.Client, count: int) -> int:
    body = b"\n".join(a_call(seq=n).to_json() for n in range(count))
    return int(client.post("/v1/events", content=body).json()["stored"])


def test_an_empty_request_stores_nothing(stored: httpx.Client) -> None:
    assert stored.post("/v1/events", content=b"\n\n").json() == {"stored": 0, "dead_letters": 0}


@pytest.mark.parametrize(
    ("path", "body", "answered"),
    [
        ("/v1/events", b"\n\n", {"stored": 0, "dead_letters": 0}),
        ("/v1/litellm", b"[]", {"stored": 0, "dead_letters": 0}),
        ("/v1/traces", b"{}", {}),
    ],
)
def test_a_request_without_events_waits_for_nobody(
    waiting: httpx.Client, path: str, body: bytes, answered: dict[str, int]
) -> None:
    answer = waiting.post(path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, answered)


@pytest.mark.parametrize(
    ("body", "encoding", "status", "sentence"),
    [
        (b"x" * 20_001, "identity", 413, "send fewer events at once"),
        (gzip.compress(b"x" * 5_000_000), "gzip", 413, "send fewer events at once"),
        (zstandard.ZstdCompressor().compress(b"x" * 5_000_000), "zstd", 413, "send fewer events at once"),
        (b"not gzip", "gzip", 400, "the body is not gzip"),
        (gzip.compress(LINES)[:-9], "gzip", 400, "the gzip body ends too early"),
        (gzip.compress(LINES) + b"more", "gzip", 400, "the body is not gzip"),
        (gzip.compress(b"") + gzip.compress(b"x" * 5_000_000), "gzip", 413, "send fewer events at once"),
        (b"", "gzip", 400, "the gzip body ends too early"),
        (b"not zstd", "zstd", 400, "the body is not zstd"),
        (zstandard.ZstdCompressor().compress(LINES)[:-9], "zstd", 400, "the zstd body ends too early"),
        (zlib.compress(LINES), "br", 400, "content-encoding 'br' is not known: use gzip or zstd"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(
    waiting: httpx.Client, body: bytes, encoding: str, status: int, sentence: str
) -> None:
    answer = waiting.post("/v1/events", content=body, headers={"content-encoding": encoding})
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_a_store_that_does_not_answer_is_a_503_and_a_full_intake_a_429(waiting: httpx.Client) -> None:
    body = b"\n".join(a_call().to_json() for _ in range(4))
    slow = waiting.post("/v1/events", content=body)
    assert (slow.status_code, slow.headers["retry-after"]) == (503, "5")
    full = waiting.post("/v1/events", content=body * 2)
    assert (full.status_code, full.headers["retry-after"]) == (429, "1")


def test_a_stopping_collector_refuses_what_waits_and_what_comes() -> None:
    intake = HttpIntake(SMALL)
    waiting = intake.submit([a_call().to_json()])
    intake.close()
    with pytest.raises(IntakeClosed):
        waiting.result(timeout=1)
    with pytest.raises(IntakeClosed):
        intake.submit([b""])


def test_a_stopping_collector_refuses_what_it_has_in_hand_but_could_not_store() -> None:
    intake = HttpIntake(SMALL)
    waiting = intake.submit([a_call().to_json()])
    assert intake.read()
    intake.close()
    with pytest.raises(IntakeClosed):
        waiting.result(timeout=1)


def test_a_body_that_ends_too_early_is_no_error_of_the_server(
    waiting: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    address = (waiting.base_url.host, waiting.base_url.port)
    with socket.create_connection(address) as client:
        client.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{}")
    waiting.post("/v1/events", content=b"x" * 20_001)
    assert "Exception" not in caplog.text


def test_a_caller_that_gave_up_does_not_disturb_the_batch() -> None:
    intake = HttpIntake(SMALL)
    intake.submit([b"one"]).cancel()
    other = intake.submit([b"two"])
    chunk = intake.read()
    assert chunk
    chunk.acknowledge(Outcome(2))
    assert other.result(timeout=1)
