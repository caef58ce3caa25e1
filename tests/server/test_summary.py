from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alerts.journal import write as write_alerts
from alerts.state import Transition
from analyzers.analyzer import Measurement, Window
from analyzers.analyzer import write as write_measurements
from server.summary import routes, summary
from store.connection import Store

START = NOW - timedelta(hours=1)


def test_a_repeated_delivery_is_stored_and_counted_once(store: Store) -> None:
    call = a_call()
    collect(store, call)
    collect(store, call, a_call(seq=2))
    assert summary(store, START)["calls"] == {"stored": 2, "counted": 2, "delivered": 3, "dead_letters": 0}


def test_a_team_has_its_cost_with_every_digit(store: Store) -> None:
    collect(store, a_call(), a_call(seq=2, team="growth"), a_rate_limited_call(seq=3))
    growth, search = summary(store, START)["teams"]
    assert (growth["team"], growth["cost"], growth["priced"]) == ("growth", "0.001013", 1)
    assert (search["attempts"], search["rate_limited"], search["errors"]) == (2, 1, 0)


def test_a_cost_that_nobody_knows_is_null(store: Store) -> None:
    collect(store, a_call(model_requested="gpt-0"))
    (team,) = summary(store, START)["teams"]
    assert (team["cost"], team["priced"], team["attempts"]) == (None, 0, 1)


def test_a_hit_of_a_cache_does_not_make_an_unknown_cost_nothing(store: Store) -> None:
    collect(store, a_call(model_requested="gpt-0"), a_call(model_requested="gpt-0", seq=2, cache_hit=True))
    (team,) = summary(store, START)["teams"]
    assert (team["cost"], team["attempts"]) == (None, 1)


def test_a_gap_in_the_numbers_of_a_producer_is_missing(store: Store) -> None:
    collect(store, a_call(seq=1), a_call(seq=3))
    (producer,) = summary(store, START)["producers"]
    assert (producer["stored"], producer["missing"]) == (2, 1)


def test_an_alert_that_fired_tells_when_and_whether_it_resolved(store: Store) -> None:
    def change(minutes: int, before: Any, after: Any, summary: str = "") -> Transition:
        at = NOW + timedelta(minutes=minutes)
        return Transition(at, "ErrorRatioHigh", "f", {"model": "m"}, before, after, 0.5, summary)

    write_alerts(store, [], [change(0, "inactive", "pending"), change(1, "pending", "firing", "half fail")])
    (alert,) = summary(store, START)["alerts"]
    assert (alert["state"], alert["resolved_at"], alert["summary"]) == ("firing", None, "half fail")
    write_alerts(store, [], [change(2, "firing", "resolved")])
    (alert,) = summary(store, START)["alerts"]
    assert (alert["state"], alert["resolved_at"]) == ("resolved", NOW + timedelta(minutes=2))
    write_alerts(store, [], [change(3, "resolved", "pending")])
    (alert,) = summary(store, START)["alerts"]
    assert (alert["times"], alert["resolved_at"]) == (1, NOW + timedelta(minutes=2))


def test_what_was_only_pending_is_not_told(store: Store) -> None:
    write_alerts(store, [], [Transition(NOW, "ErrorRatioHigh", "f", {}, "inactive", "pending", 0.5, "")])
    assert summary(store, START)["alerts"] == []


def test_only_notes_of_drift_are_findings(store: Store) -> None:
    labels = {"team": "support", "app": "chat", "kind": "prompt"}
    for minute, note in enumerate(("no drift: 60 texts", "drift: other words", "drift: still")):
        window = Window(NOW + timedelta(minutes=minute), NOW + timedelta(minutes=minute + 1))
        measured = Measurement(metric="novel_share", labels=labels, window=window, value=0.5, samples=60, note=note)
        write_measurements(store, "drift", [measured], NOW)
    (finding,) = summary(store, START)["findings"]
    assert (finding["team"], finding["windows"], finding["finding"]) == ("support", 2, "drift: other words")


def test_the_endpoint_answers_json_for_the_range_that_was_asked_for(store: Store) -> None:
    collect(store, a_call())
    with TestClient(Starlette(routes=routes(store, lambda: NOW))) as client:
        assert client.get("/api/summary?last=1h").json()["calls"]["stored"] == 1
        late = NOW + timedelta(days=2)
    with TestClient(Starlette(routes=routes(store, lambda: late))) as client:
        assert client.get("/api/summary?last=1h").json()["calls"]["stored"] == 0


def test_a_range_that_is_none_is_refused(store: Store) -> None:
    with TestClient(Starlette(routes=routes(store, lambda: datetime.now(timezone.utc)))) as client:
        answer = client.get("/api/summary?last=soon")
    assert answer.status_code == 400
    assert "length of time" in answer.json()["error"]
