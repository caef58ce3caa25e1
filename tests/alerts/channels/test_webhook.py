import hashlib
import hmac
import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alert_timeline import LABELS
from conftest import NOW
from webhook_receiver import webhook_receiver

from alerts.channels.channel import Notification
from alerts.channels.http import retry_wait
from alerts.channels.log import LogChannel
from alerts.channels.webhook import SIGNATURE_HEADER, channels, payload
from alerts.config import AlertsConfig
from alerts.notify import Courier

FIRING = Notification(
    fingerprint="f",
    rule="Test",
    cause="first",
    labels=LABELS,
    annotations={"summary": "bad", "runbook": "look"},
    starts_at=NOW,
)
ENDED = Notification(
    fingerprint="g",
    rule="Test",
    cause="resolved",
    labels={"alertname": "Test", "team": "ads"},
    annotations={"summary": "worse", "runbook": "look"},
    starts_at=NOW,
    ends_at=NOW + timedelta(minutes=1),
)


def test_the_body_is_what_receivers_of_alertmanager_expect() -> None:
    assert payload([FIRING, ENDED], "http://page") == {
        "version": "4",
        "groupKey": '{}:{alertname="Test"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "tokentide",
        "groupLabels": {"alertname": "Test"},
        "commonLabels": {"alertname": "Test"},
        "commonAnnotations": {"runbook": "look"},
        "externalURL": "http://page",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "Test", "team": "search"},
                "annotations": {"summary": "bad", "runbook": "look"},
                "startsAt": "2026-11-20T12:00:00.000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://page",
                "fingerprint": "f",
            },
            {
                "status": "resolved",
                "labels": {"alertname": "Test", "team": "ads"},
                "annotations": {"summary": "worse", "runbook": "look"},
                "startsAt": "2026-11-20T12:00:00.000Z",
                "endsAt": "2026-11-20T12:01:00.000Z",
                "generatorURL": "http://page",
                "fingerprint": "g",
            },
        ],
    }


def test_a_group_of_ended_alerts_is_resolved() -> None:
    assert payload([ENDED], "")["status"] == "resolved"


def test_the_receiver_can_check_the_signature(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("open sesame\n")
    with webhook_receiver() as receiver:
        (tmp_path / "urls").write_text(f"{receiver.url}/one\n{receiver.url}/two\n")
        config = AlertsConfig.model_validate(
            {"webhook": {"url_file": tmp_path / "urls", "secret_file": tmp_path / "key"}}
        )
        for channel in channels(config):
            channel.send([FIRING], NOW)
        assert [request.path for request in receiver.received] == ["/one", "/two"]
        for request in receiver.received:
            digest = hmac.new(b"open sesame", request.body, hashlib.sha256).hexdigest()
            assert request.headers[SIGNATURE_HEADER] == f"sha256={digest}"


def test_without_a_secret_there_is_no_signature() -> None:
    with webhook_receiver() as receiver:
        (channel,) = channels(AlertsConfig.model_validate({"webhook": {"urls": [receiver.url]}}))
        channel.send([FIRING], NOW)
        assert SIGNATURE_HEADER not in receiver.received[0].headers


def test_the_configuration_does_not_show_its_secrets() -> None:
    secret = ["http://user:hunter2@h/hunter2"]
    config = AlertsConfig.model_validate(
        {"webhook": {"urls": secret, "secret": "hunter2"}, "alertmanager": {"urls": secret}}
    )
    assert "hunter2" not in repr(config)


def test_news_arrive_once_after_a_receiver_failed_was_busy_and_hung(caplog: pytest.LogCaptureFixture) -> None:
    with webhook_receiver() as receiver, caplog.at_level(logging.CRITICAL):
        receiver.answers += [(500, {}), (429, {"Retry-After": "60"})]
        (channel,) = channels(AlertsConfig.model_validate({"webhook": {"urls": [receiver.url]}}))
        courier = Courier(channel)
        tries = [courier.deliver({"Test": [FIRING]}, NOW + timedelta(seconds=after)) for after in (0, 4, 5, 64, 65)]
        assert [len(accepted) for accepted in tries] == [0, 0, 0, 0, 1]
        assert len(receiver.received) == 3


@pytest.mark.parametrize(
    ("header", "wait"),
    [("", None), ("soon", None), ("-1", None), ("30", timedelta(seconds=30)), ("9" * 30, timedelta(days=1))],
)
def test_a_wait_in_seconds_is_read(header: str, wait: timedelta | None) -> None:
    assert retry_wait(header, NOW) == wait


def test_a_wait_as_a_date_is_read() -> None:
    assert retry_wait("Fri, 20 Nov 2026 12:01:00 GMT", NOW) == timedelta(minutes=1)
    assert retry_wait("Fri, 20 Nov 2026 12:01:00 -0000", NOW) == timedelta(minutes=1)
    assert retry_wait("Fri, 20 Nov 2020 12:01:00 GMT", datetime.now(timezone.utc)) == timedelta(0)


def test_the_log_says_in_one_line_what_happened() -> None:
    lines: list[str] = []
    LogChannel(lines.append).send([FIRING, ENDED], NOW)
    assert lines == ['FIRING Test {team="search"}: bad', 'RESOLVED Test {team="ads"}: worse']
