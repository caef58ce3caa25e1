"""Who is told what, and when. Deciding is pure; `Courier` carries it to one channel and remembers its failures.

There is no queue: what a channel has to hear follows from the states and from what it accepted before, so a failed
delivery is simply still due at the next try.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from alerts.channels.channel import Cadence, Cause, Channel, DeliveryError, DeliveryFailed, Notification, RetryLater
from alerts.state import RESOLVED_FOR, AlertState

FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=5)
LONGEST_ASKED_WAIT: Final = RESOLVED_FOR - LONGEST_WAIT  # so that a resolved alert is tried again before it is dropped

_log = logging.getLogger("tokentide.alerts")


def cause(state: AlertState, sent_at: datetime | None, cadence: Cadence, at: datetime) -> Cause | None:
    """Why to tell a channel at evaluation `at`, if at all, when it last accepted this alert at evaluation `sent_at`."""
    news: Cause
    if state.state == "firing":
        since, again, news = state.fired_at, cadence.firing, "first"
    elif state.resolved_at is not None:
        since, again, news = state.resolved_at, cadence.resolved, "resolved"
    else:
        return None
    if since is None or sent_at is None or sent_at < since:
        return news
    return "repeat" if again is not None and at - sent_at >= again else None


def due(
    states: Iterable[AlertState], channel: Channel, at: datetime, quiet: Collection[str] = ()
) -> dict[str, list[Notification]]:
    """What `channel` must be told at evaluation `at`, grouped by rule; rules in `quiet` do not announce an end."""
    groups: dict[str, list[Notification]] = {}
    for state in states:
        why = cause(state, state.sent_at.get(channel.name), channel.cadence, at)
        if why is None or (state.state != "firing" and state.rule in quiet):
            continue
        groups.setdefault(state.rule, []).append(_notification(state, why))
    return groups


def wait_after(failures: int, asked: timedelta | None) -> timedelta:
    """How long to leave a channel alone after its `failures`-th failure in a row, when it `asked` for a time or not."""
    if asked is not None:
        return min(asked, LONGEST_ASKED_WAIT)
    return min(FIRST_WAIT * (1 << min(failures - 1, 10)), LONGEST_WAIT)


class Courier:
    """Delivers to one channel, waits after failures, and does not let one rule's trouble hold up the others."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._failures = 0
        self._not_before: datetime | None = None
        self._refused_until: dict[str, datetime] = {}
        self._last_failed = ""

    def deliver(self, groups: Mapping[str, list[Notification]], now: datetime) -> list[Notification]:
        """Send what is due, unless the channel is to be left alone; returns what it accepted."""
        accepted: list[Notification] = []
        for rule in sorted(groups, key=lambda name: (name == self._last_failed, name)):
            if self._not_before is not None and now < self._not_before:
                break
            if rule not in self._refused_until or now >= self._refused_until[rule]:
                accepted += self._send(rule, groups[rule], now)
        return accepted

    def _send(self, rule: str, group: list[Notification], now: datetime) -> list[Notification]:
        try:
            self.channel.send(group, now)
        except RetryLater as error:
            self._failures += 1
            self._last_failed = rule
            wait = wait_after(self._failures, error.after)
            self._not_before = now + wait
            self._report(logging.WARNING, error, rule, wait)
            return []
        except DeliveryFailed as error:
            self._refused_until[rule] = now + LONGEST_WAIT
            self._report(logging.ERROR, error, rule, LONGEST_WAIT)
            return []
        self._failures = 0
        self._refused_until.pop(rule, None)
        return group

    def _report(self, level: int, error: DeliveryError, rule: str, wait: timedelta) -> None:
        name = self.channel.name
        _log.log(level, "%s was not told of %s (%s), next try in %s: %s", name, rule, error.reason, wait, error)


def _notification(state: AlertState, why: Cause) -> Notification:
    started = state.fired_at or state.evaluated_at
    return Notification(
        fingerprint=state.fingerprint,
        rule=state.rule,
        cause=why,
        labels=state.labels,
        annotations=state.annotations,
        starts_at=started,
        ends_at=None if state.state == "firing" else state.resolved_at,
    )
