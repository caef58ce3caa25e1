from __future__ import annotations

import threading

import pytest

from server.demo.apps.visits import Orders, Tally, paced, read_orders

ORDERS = Orders(name="support", rate=1000.0, seed=7, calls=20, new_topic_at=10)


def test_an_app_understands_its_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    for orders in (ORDERS, Orders(name="search", rate=0.5, seed=1, careless=True)):
        monkeypatch.setattr("sys.argv", ["app", *orders.arguments()])
        assert read_orders() == orders


def test_every_visit_has_a_question_and_a_session_of_its_own() -> None:
    visits = list(paced(ORDERS, threading.Event()))
    assert [visit.number for visit in visits] == list(range(20))
    assert len({visit.question for visit in visits}) == len({visit.session for visit in visits}) == 20


def test_the_topic_changes_when_ordered() -> None:
    banking = Orders(name="support", rate=1.0, seed=7)
    assert ORDERS.visit(9) == banking.visit(9)
    assert ORDERS.visit(10).question != banking.visit(10).question


def test_the_seed_decides_the_order_of_the_questions() -> None:
    one, same, other = (Orders(name="search", rate=1.0, seed=seed).visit(0).question for seed in (1, 1, 2))
    assert one == same != other


def test_only_a_careless_app_forgets_to_ask_for_usage() -> None:
    careless = Orders(name="search", rate=1.0, seed=1, careless=True)
    forgotten = [number for number in range(84) if not careless.visit(number).asks_for_usage]
    assert forgotten
    assert all(number % 4 == 2 for number in forgotten), "those are streams"
    assert all(ORDERS.visit(number).asks_for_usage for number in range(84))


def test_no_visit_comes_after_the_stop() -> None:
    stop = threading.Event()
    visits = paced(Orders(name="search", rate=1000.0, seed=1), stop)
    next(visits)
    stop.set()
    assert list(visits) == []


def test_a_failed_visit_is_counted_and_a_bug_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(LookupError)
    with tally.visit():
        pass
    with tally.visit():
        raise KeyError("refused")
    tally.tell()
    assert capsys.readouterr().out == '{"operations": 2, "failed": 1}\n'
