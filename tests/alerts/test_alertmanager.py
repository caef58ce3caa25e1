"""The whole way from rows in the store to a real Alertmanager and the people behind it."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alert_scenarios import insert_calls
from alert_timeline import LABELS, MINUTE
from real_alertmanager import Alertmanager, free_port, until
from webhook_receiver import Receiver, webhook_receiver

from alerts.channels.alertmanager import AlertmanagerChannel, channels
from alerts.channels.channel import Notification
from alerts.channels.http import rfc3339
from alerts.config import AlertsConfig
from alerts.evaluate import Evaluator
from alerts.run import open_evaluator
from store.connection import Store

ALERT = "RateLimitRatioHigh"


def clock() -> datetime:
    return datetime.now(timezone.utc)


@pytest.fixture
def people() -> Iterator[Receiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def alertmanager(people: Receiver, tmp_path: Path) -> Iterator[Alertmanager]:
    running = Alertmanager(tmp_path / "one", people.url)
    running.start()
    yield running
    running.stop()


class Scene:
    """Calls in the store, one or several senders, and what people were told."""

    def __init__(self, store: Store, people: Receiver, *urls: str, senders: int = 1) -> None:
        self.config = AlertsConfig.model_validate(
            {
                "interval_s": 0.2,
                "delay_s": 0,
                "resend_interval_s": 2,
                "alertmanager": {"urls": urls},
                "rules": {ALERT: {"for": "0s", "window": "1h"}},
            }
        )
        self.store, self.people, self.urls = store, people, urls
        self.minute = clock().replace(second=0, microsecond=0) - timedelta(minutes=1)
        self.senders = [self.sender() for _ in range(senders)]

    def sender(self) -> Evaluator:
        return open_evaluator(self.store, self.config)

    def refuse(self, count: int) -> None:
        """Of 100 calls, `count` were refused, as the store knows it from now on."""
        insert_calls(self.store, "call_minutes", self.minute, clock(), model="m", attempts=100, rate_limited=count)

    def told(self, rule: str = ALERT) -> list[str]:
        bodies = [request.json for request in self.people.received]
        return [body["status"] for body in bodies if body["groupLabels"]["alertname"] == rule]

    def tick_until_told(self, *expected: str) -> None:
        """Evaluate until people were told exactly this, and then until Alertmanager had time to tell them more."""

        def heard() -> bool:
            for sender in self.senders:
                sender.tick(clock())
            return len(self.told()) >= len(expected)

        until(heard, f"people are told {expected}")
        rounds = time.monotonic() + 2.5
        until(
            lambda: heard() and time.monotonic() > rounds,
            "another send of everybody and the rounds of Alertmanager after it",
        )
        assert self.told() == list(expected)


def test_people_hear_once_that_it_fires_and_once_that_it_is_over(
    store: Store, people: Receiver, alertmanager: Alertmanager
) -> None:
    scene = Scene(store, people, alertmanager.url)
    scene.refuse(90)
    scene.tick_until_told("firing")
    scene.refuse(0)
    scene.tick_until_told("firing", "resolved")


def test_several_senders_are_one_voice(store: Store, people: Receiver, alertmanager: Alertmanager) -> None:
    scene = Scene(store, people, alertmanager.url, senders=3)
    scene.refuse(90)
    scene.tick_until_told("firing")
    scene.refuse(0)
    scene.tick_until_told("firing", "resolved")


def test_a_restart_of_either_side_while_it_fires_is_not_heard(
    store: Store, people: Receiver, alertmanager: Alertmanager
) -> None:
    scene = Scene(store, people, alertmanager.url)
    scene.refuse(90)
    scene.tick_until_told("firing")
    alertmanager.stop()
    alertmanager.start()
    assert alertmanager.alerts() == []
    scene.senders = [scene.sender()]
    scene.tick_until_told("firing")
    assert [alert["labels"]["alertname"] for alert in alertmanager.alerts()] == [ALERT]
    scene.refuse(0)
    scene.tick_until_told("firing", "resolved")


def test_an_end_that_happened_while_alertmanager_was_away_is_heard(
    store: Store, people: Receiver, alertmanager: Alertmanager
) -> None:
    scene = Scene(store, people, alertmanager.url)
    scene.refuse(90)
    scene.tick_until_told("firing")
    alertmanager.stop()
    scene.refuse(0)
    changes = [change for _ in range(5) for change in scene.senders[0].tick(clock() + timedelta(seconds=1))]
    assert [change.to_state for change in changes] == ["resolved"]
    alertmanager.start()
    scene.tick_until_told("firing", "resolved")


def test_a_cluster_is_one_voice_and_one_member_is_enough(store: Store, people: Receiver, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    members = []
    for own in ports:
        peers = [f"--cluster.peer=127.0.0.1:{other}" for other in ports if other != own]
        listen = [f"--cluster.{kind}-address=127.0.0.1:{own}" for kind in ("listen", "advertise")]
        timing = ["--cluster.settle-timeout=2s", "--cluster.peer-timeout=2s"]
        members.append(Alertmanager(tmp_path / str(own), people.url, [*listen, *peers, *timing]))
    try:
        for member in members:
            member.start()
        scene = Scene(store, people, *[member.url for member in members], senders=2)
        scene.refuse(90)
        scene.tick_until_told("firing")
        members[0].stop()
        scene.refuse(0)
        scene.tick_until_told("firing", "resolved")
    finally:
        for member in members:
            member.stop()


def test_a_firing_alert_lives_on_for_four_pauses(people: Receiver, alertmanager: Alertmanager) -> None:
    config = AlertsConfig.model_validate({"interval_s": 90, "alertmanager": {"urls": [alertmanager.url]}})
    (channel,) = channels(config)
    now = clock()
    channel.send([news(now)], now)
    (alert,) = alertmanager.alerts()
    assert alert["endsAt"] == rfc3339(now + timedelta(seconds=360))
    assert alert["startsAt"] == rfc3339(now)
    assert alert["labels"] == LABELS


def test_alertmanager_takes_labels_of_any_text(people: Receiver, alertmanager: Alertmanager) -> None:
    now = clock()
    labels = {**LABELS, "team": 'größe "x" \\ {}\n 日本', "model": "a" * 3000}
    AlertmanagerChannel([alertmanager.url + "/"], "", MINUTE, MINUTE).send([news(now, labels)], now)
    assert alertmanager.alerts()[0]["labels"] == labels


def news(now: datetime, labels: Mapping[str, str] = LABELS) -> Notification:
    return Notification(fingerprint="f", rule="Test", cause="first", labels=labels, annotations={}, starts_at=now)
