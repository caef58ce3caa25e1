"""What a request to the intake must pass: a valid token, its sender's pace, and whose its events are."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from collector.config import CollectorConfig
from collector.metrics import Metrics
from collector.pace import Pace, now_at, taken, wait_s
from collector.pinning import pinned
from collector.senders import Sender, SenderBook

log = logging.getLogger(__name__)

_LOG_EVERY_S: Final = 60.0


class Unauthorized(Exception):
    """The request has no valid token: send one that is in the collector's settings."""


class TooFast(Exception):
    """The sender is faster than it may be: send again after `wait_s` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class Admission:
    """Decides about the requests of one collector. A sender of None is anyone, where no tokens are asked for.

    `clock` counts seconds. May be called from any thread. Raises TokensError when the file of tokens cannot be used.
    """

    def __init__(self, config: CollectorConfig, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._book = SenderBook(config, clock)
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}
        self._logged_at: float | None = None

    def sender(self, authorization: str) -> Sender | None:
        """Who sends a request with this Authorization header. Raises Unauthorized, TooFast."""
        with self._lock:
            if self._book.is_open:
                return None
            sender = self._book.find(authorization)
            if sender is None:
                raise Unauthorized
            self._pace_of(sender)
            return sender

    def spend(self, sender: Sender | None, events: int) -> None:
        """Count the events of a request. Raises TooFast, and counts nothing then."""
        if sender and sender.config.events_per_s:
            with self._lock:
                self._paces[sender.name] = taken(self._pace_of(sender), events)

    def give_back(self, sender: Sender | None, events: int) -> None:
        """Count no longer what was spent for a request that was refused after all."""
        if sender and sender.config.events_per_s:
            with self._lock:
                self._paces[sender.name] = taken(self._paces[sender.name], -events)

    def pin(self, sender: Sender | None, events: Sequence[bytes]) -> Sequence[bytes]:
        """The events as those of the sender's team and app. Without such a sender, `events` itself."""
        pins = {"team": sender.config.team, "app": sender.config.app} if sender else {}
        pins = {name: value for name, value in pins.items() if value}
        if sender is None or not pins:
            return events
        results = [pinned(event, pins) for event in events]
        if differed := Counter(field for _, fields in results for field in fields):
            self._tell(sender, differed)
        return [event for event, _ in results]

    def _pace_of(self, sender: Sender) -> Pace:
        rate = sender.config.events_per_s
        pace = now_at(self._paces.get(sender.name), rate, self._clock())
        if rate and (wait := wait_s(pace, rate)):
            raise TooFast(wait)
        return pace

    def _tell(self, sender: Sender, differed: Counter[str]) -> None:
        for field, count in differed.items():
            self._metrics.repinned.labels(sender.name, field).inc(count)
        with self._lock:
            now = self._clock()
            if self._logged_at is not None and now - self._logged_at < _LOG_EVERY_S:
                return
            self._logged_at = now
        said = " and ".join(f"another {field} in {count} of them" for field, count in differed.items())
        log.warning("token %s sent events that named %s: they are counted for the token's own", sender.name, said)
