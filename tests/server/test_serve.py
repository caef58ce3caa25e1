from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from conftest import NOW
from events import a_call
from prometheus_client import CollectorRegistry
from running_pipeline import decoder
from starlette.testclient import TestClient

from alerts.rule import RuleError
from collector.config import CollectorConfig
from collector.dead_letters import DeadLetters
from collector.intake import routes
from collector.record import DeadLetter, Record
from collector.rollup import RollUp
from collector.sources.http import HttpIntake
from server.admin import Access
from server.config import ServerConfig
from server.dead_letters import DeadLetterDesk
from server.dead_letters import routes as dead_letter_routes
from server.programs import Program
from server.serve import LoopFailed, application, listen, serve
from store.connection import Store
from store.sql import parse


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The signal handlers of the tests, again after each test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def own_store(engine_dsn: str) -> Store:
    """A store that the program may close."""
    return Store(engine_dsn)


def test_a_signal_while_it_starts_ends_it(own_store: Store) -> None:
    stopped = threading.Event()

    def loop(stop: threading.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        stop.wait()
        stopped.set()

    serve(Program({"loop": loop}), own_store, listen(ServerConfig(port=0)), CollectorRegistry())
    assert stopped.is_set()


def test_a_request_that_waits_when_it_stops_gets_an_answer(own_store: Store) -> None:
    config = CollectorConfig()
    intake = HttpIntake(config)
    listener = listen(ServerConfig(port=0))
    answers: list[httpx.Response] = []

    def loop(stop: threading.Event) -> None:
        while intake.read() is None:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        stop.wait()
        intake.close()

    def ask() -> None:
        port = listener.getsockname()[1]
        answers.append(httpx.post(f"http://127.0.0.1:{port}/v1/events", content=a_call().to_json(), timeout=20))

    asking = threading.Thread(target=ask)
    asking.start()
    serve(Program({"loop": loop}, routes(intake, config)), own_store, listener, CollectorRegistry())
    asking.join()
    assert (answers[0].status_code, answers[0].headers["retry-after"]) == (503, "2")


def test_it_is_ready_when_the_store_answers_and_every_part_works(own_store: Store) -> None:
    wrong = ["the disk has 3 MiB left"]
    listener = listen(ServerConfig(port=0))
    answers: list[httpx.Response] = []

    def loop(stop: threading.Event) -> None:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/readyz"
        answers.append(httpx.get(address, timeout=20))
        wrong.clear()
        answers.append(httpx.get(address, timeout=20))
        os.kill(os.getpid(), signal.SIGTERM)

    program = Program({"loop": loop}, checks={"collector-kafka": lambda: "".join(wrong)})
    serve(program, own_store, listener, CollectorRegistry())
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (503, {"ready": False, "collector-kafka": "the disk has 3 MiB left"}),
        (200, {"ready": True}),
    ]


@pytest.mark.parametrize(("error", "traced"), [(RuleError("write it so"), False), (ValueError("a bug"), True)])
def test_a_setting_at_fault_is_a_sentence_and_a_bug_a_traceback(
    own_store: Store, caplog: pytest.LogCaptureFixture, error: Exception, traced: bool
) -> None:
    def loop(stop: threading.Event) -> None:
        raise error

    with pytest.raises(LoopFailed, match=f"alerts failed: {error}"):
        serve(Program({"alerts": loop}), own_store, listen(ServerConfig(port=0)), CollectorRegistry())
    assert ("Traceback" in caplog.text) == traced


def test_a_question_that_the_store_refuses_leaves_no_row_in_the_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.execute(parse("limit", "-- one more\nALTER TABLE llm_texts ADD CONSTRAINT short CHECK length(prompt) < 5"))
    record = Record("http", 0, a_call(prompt="Anna has a secret", started_at=NOW).to_json())
    DeadLetters(store).keep([DeadLetter(record, "oversized", "")], "http", NOW)
    desk = DeadLetterDesk(store, decoder(), RollUp(store), lambda: NOW + timedelta(seconds=1))
    app = application(Program(routes=dead_letter_routes(desk)), store, CollectorRegistry(), Access())
    client = TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50_000))
    assert client.post("/api/admin/deadletters/replay", json={}).status_code == 503
    assert "replay was not answered: the store at chdb://" in caplog.text
    assert "error 469 of ClickHouse" in caplog.text
    assert "Anna" not in caplog.text
