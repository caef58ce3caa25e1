"""Channel `alertmanager`: Prometheus Alertmanager's API v2.

Alertmanager wants to be told again and again what fires and what is over; it decides what people hear. Every member of
a cluster is told, because the members share what they have notified, not what they have received.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from alerts.channels.channel import Cadence, Channel, DeliveryError, Notification
from alerts.channels.http import TIMEOUT_S, post, rfc3339
from alerts.config import AlertsConfig

_log = logging.getLogger("tokentide.alerts")


class AlertmanagerChannel:
    """Posts to every member of one Alertmanager cluster; one member that accepts is enough.

    A firing alert ends by itself after `lifetime` unless it is sent again: four times the longest pause between two
    sends, so that two lost sends do not look like the end of an alert.
    """

    name = "alertmanager"

    def __init__(
        self,
        urls: Sequence[str],
        external_url: str,
        resend: timedelta,
        lifetime: timedelta,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.cadence = Cadence(firing=resend, resolved=resend)
        self._urls = [url.rstrip("/") + "/api/v2/alerts" for url in urls]
        self._external_url = external_url
        self._lifetime = lifetime
        self._timeout_s = timeout_s

    def send(self, notifications: Sequence[Notification], now: datetime) -> None:
        """Deliver to every member. Raises RetryLater or DeliveryFailed, as the last of them, when none accepted."""
        body = json.dumps([self._alert(news, now) for news in notifications], ensure_ascii=False).encode()
        refusals = []
        for url in self._urls:
            try:
                post(url, body, {}, now, self._timeout_s)
            except DeliveryError as error:
                refusals.append(error)
        if len(refusals) == len(self._urls):
            raise refusals[-1]
        for refusal in refusals:
            _log.warning("one Alertmanager was not told: %s", refusal)

    def _alert(self, news: Notification, now: datetime) -> dict[str, Any]:
        return {
            "labels": dict(news.labels),
            "annotations": dict(news.annotations),
            "startsAt": rfc3339(news.starts_at),
            "endsAt": rfc3339(news.ends_at or now + self._lifetime),
            "generatorURL": self._external_url,
        }


def channels(config: AlertsConfig) -> list[Channel]:
    """One channel for the configured cluster, none when no member is configured."""
    urls = [str(url.get_secret_value()) for url in config.alertmanager.urls]
    resend = timedelta(seconds=config.resend_interval_s)
    lifetime = 4 * max(resend, timedelta(seconds=config.interval_s))
    return [AlertmanagerChannel(urls, config.external_url, resend, lifetime)] if urls else []
