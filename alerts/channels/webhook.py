"""Channel `webhook`: the JSON that Alertmanager posts to webhooks (version "4"), so that its receivers work."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from alerts.channels.channel import Cadence, Channel, Notification
from alerts.channels.http import TIMEOUT_S, post, rfc3339
from alerts.config import AlertsConfig

SIGNATURE_HEADER = "x-tokentide-signature"
_NOT_ENDED = "0001-01-01T00:00:00Z"


class WebhookChannel:
    """Posts the news of one rule in one request to `url`, signed when there is a `secret`."""

    def __init__(
        self, url: str, external_url: str, repeat: timedelta, secret: bytes | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.name = f"webhook-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self.cadence = Cadence(firing=repeat, resolved=None)
        self._url = url
        self._external_url = external_url
        self._secret = secret
        self._timeout_s = timeout_s

    def send(self, notifications: Sequence[Notification], now: datetime) -> None:
        """Deliver the news of one rule. Raises RetryLater, DeliveryFailed."""
        body = json.dumps(payload(notifications, self._external_url), ensure_ascii=False).encode()
        headers = {SIGNATURE_HEADER: signature(body, self._secret)} if self._secret else {}
        post(self._url, body, headers, now, self._timeout_s)


def channels(config: AlertsConfig) -> list[Channel]:
    """One channel for each configured address."""
    settings = config.webhook
    urls = [str(url.get_secret_value()) for url in settings.urls]
    if settings.url_file is not None:
        urls += settings.url_file.read_text("utf-8").split()
    secret = settings.secret.get_secret_value() if settings.secret else ""
    if settings.secret_file is not None:
        secret = settings.secret_file.read_text("utf-8").strip()
    repeat = timedelta(seconds=settings.repeat_interval_s)
    return [WebhookChannel(url, config.external_url, repeat, secret.encode() or None) for url in urls]


def signature(body: bytes, secret: bytes) -> str:
    """The header value with which a receiver that knows `secret` can check that `body` is ours."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def payload(notifications: Sequence[Notification], external_url: str) -> dict[str, Any]:
    """The body for the news of one rule."""
    rule = notifications[0].rule
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{rule}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if any(news.status == "firing" for news in notifications) else "resolved",
        "receiver": "tokentide",
        "groupLabels": {"alertname": rule},
        "commonLabels": _shared([news.labels for news in notifications]),
        "commonAnnotations": _shared([news.annotations for news in notifications]),
        "externalURL": external_url,
        "alerts": [_alert(news, external_url) for news in notifications],
    }


def _alert(news: Notification, external_url: str) -> dict[str, Any]:
    return {
        "status": news.status,
        "labels": dict(news.labels),
        "annotations": dict(news.annotations),
        "startsAt": rfc3339(news.starts_at),
        "endsAt": _NOT_ENDED if news.ends_at is None else rfc3339(news.ends_at),
        "generatorURL": external_url,
        "fingerprint": news.fingerprint,
    }


def _shared(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: value for name, value in maps[0].items() if all(one.get(name) == value for one in maps)}
