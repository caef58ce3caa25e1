"""Channel `log`: one readable line for each alert."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from alerts.annotations import one_line
from alerts.channels.channel import Cadence, Notification

_log = logging.getLogger("tokentide.alerts")


class LogChannel:
    """Hands a line for each alert to `write`, the program's log by default."""

    name = "log"
    cadence = Cadence(firing=timedelta(hours=4), resolved=None)

    def __init__(self, write: Callable[[str], object] = _log.warning) -> None:
        self._write = write

    def send(self, notifications: Sequence[Notification], now: datetime) -> None:
        """Write one line for each alert."""
        for news in notifications:
            self._write(line(news))


def line(news: Notification) -> str:
    """`FIRING RateLimitRatioHigh {model="m"}: summary`."""
    labels = ", ".join(
        f'{name}="{one_line(value)}"' for name, value in sorted(news.labels.items()) if name != "alertname"
    )
    summary = news.annotations.get("summary", "")
    return f"{news.status.upper()} {news.rule} {{{labels}}}" + (f": {summary}" if summary else "")
