"""What every channel promises, run on each of them."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from alert_timeline import LABELS
from conftest import NOW
from webhook_receiver import Receiver, webhook_receiver

from alerts.channels import CHANNELS, open_channels
from alerts.channels.alertmanager import AlertmanagerChannel
from alerts.channels.channel import Channel, DeliveryFailed, Notification, RetryLater
from alerts.channels.log import LogChannel
from alerts.channels.webhook import WebhookChannel
from alerts.config import AlertsConfig

HOUR = timedelta(hours=1)
REMOTE: dict[str, Callable[[str], Channel]] = {
    "alertmanager": lambda url: AlertmanagerChannel([url], "http://page", HOUR, HOUR, timeout_s=0.3),
    "webhook": lambda url: WebhookChannel(url, "http://page", HOUR, b"key", timeout_s=0.3),
}
FIRING = Notification(
    fingerprint="f",
    rule="Test",
    cause="first",
    labels={**LABELS, "é": '"\n{}'},
    annotations={"summary": "ü"},
    starts_at=NOW,
)
RESOLVED = Notification(
    fingerprint="g", rule="Test", cause="resolved", labels=LABELS, annotations={}, starts_at=NOW, ends_at=NOW + HOUR
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as running:
        yield running


def secret_url(receiver: Receiver) -> str:
    return receiver.url.replace("//", "//user:hunter2@") + "/hunter2"


@pytest.fixture(params=[*REMOTE, "log"])
def channel(request: pytest.FixtureRequest, receiver: Receiver) -> Channel:
    return LogChannel() if request.param == "log" else REMOTE[request.param](secret_url(receiver))


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, receiver: Receiver) -> Channel:
    return REMOTE[request.param](secret_url(receiver))


def test_every_channel_of_the_table_is_in_this_suite() -> None:
    assert CHANNELS.keys() == REMOTE.keys()


def test_it_takes_firing_and_resolved_news_together(channel: Channel) -> None:
    channel.send([FIRING, RESOLVED], NOW)


def test_its_name_is_stable_and_holds_no_secret(channel: Channel, receiver: Receiver) -> None:
    assert channel.name
    assert "hunter2" not in channel.name
    assert receiver.url.rpartition(":")[2] not in channel.name


def test_it_is_sent_as_one_json_request_for_a_rule(remote: Channel, receiver: Receiver) -> None:
    remote.send([FIRING, RESOLVED], NOW)
    (request,) = receiver.received
    assert request.headers["content-type"] == "application/json"
    assert "ü" in request.body.decode()


@pytest.mark.parametrize(
    ("status", "reason"),
    [(408, "timeout"), (425, "client_error"), (429, "rate_limited"), (500, "server_error"), (503, "server_error")],
)
def test_it_asks_for_another_try_when_the_receiver_cannot_take_it(
    remote: Channel, receiver: Receiver, status: int, reason: str
) -> None:
    receiver.answers.append((status, {"Retry-After": "7"}))
    with pytest.raises(RetryLater) as caught:
        remote.send([FIRING], NOW)
    assert (caught.value.reason, caught.value.after) == (reason, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "client_error"), (401, "auth"), (403, "auth"), (302, "client_error")]
)
def test_it_gives_up_what_the_receiver_refuses(remote: Channel, receiver: Receiver, status: int, reason: str) -> None:
    receiver.answers.append((status, {"Location": "/elsewhere"}))
    with pytest.raises(DeliveryFailed) as caught:
        remote.send([FIRING], NOW)
    assert caught.value.reason == reason


def test_it_does_not_wait_for_a_receiver_that_hangs(remote: Channel, receiver: Receiver) -> None:
    receiver.answers.append(Receiver.HANG)
    with pytest.raises(RetryLater) as caught:
        remote.send([FIRING], NOW)
    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("name", REMOTE)
def test_it_asks_for_another_try_when_nobody_listens(name: str) -> None:
    with pytest.raises(RetryLater) as caught:
        REMOTE[name]("http://user:hunter2@127.0.0.1:1/hunter2").send([FIRING], NOW)
    assert caught.value.reason == "network"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("answer", [(500, {}), (400, {}), Receiver.HANG])
def test_its_errors_hold_no_secret(remote: Channel, receiver: Receiver, answer: tuple[int, dict[str, str]]) -> None:
    receiver.answers.append(answer)
    with pytest.raises((RetryLater, DeliveryFailed)) as caught:
        remote.send([FIRING], NOW)
    assert "hunter2" not in str(caught.value)
    assert receiver.url in str(caught.value)


def test_no_log_line_holds_a_secret(remote: Channel, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        remote.send([FIRING], NOW)
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/hunter2", "no address hunter2", "http://127.0.0.1:hunter2/"])
@pytest.mark.parametrize("name", REMOTE)
def test_an_impossible_address_is_refused(name: str, address: str) -> None:
    with pytest.raises(DeliveryFailed) as caught:
        REMOTE[name](address).send([FIRING], NOW)
    assert "hunter2" not in str(caught.value)


def test_nothing_configured_means_the_log() -> None:
    assert [channel.name for channel in open_channels(AlertsConfig())] == ["log"]


def test_what_is_configured_is_opened(receiver: Receiver) -> None:
    config = AlertsConfig.model_validate(
        {"webhook": {"urls": [receiver.url]}, "alertmanager": {"urls": [receiver.url]}}
    )
    assert [channel.name.split("-")[0] for channel in open_channels(config)] == ["alertmanager", "webhook"]
