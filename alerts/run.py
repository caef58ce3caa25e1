"""The alerts program: evaluate and deliver until told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from alerts.channels import open_channels
from alerts.channels.channel import Channel
from alerts.config import AlertsConfig
from alerts.evaluate import Evaluator, aligned
from alerts.notify import FIRST_WAIT
from alerts.rule import load_rules
from store.connection import Store


def open_evaluator(store: Store, config: AlertsConfig, channels: Sequence[Channel] | None = None) -> Evaluator:
    """The evaluator that `config` asks for; `channels` replaces the configured ones. Raises RuleError."""
    rules = load_rules(config.rules_dirs, config.rules)
    return Evaluator(store, rules, open_channels(config) if channels is None else channels, config)


def run(
    store: Store,
    config: AlertsConfig,
    stop: threading.Event,
    clock: Callable[[], datetime],
    channels: Sequence[Channel] | None = None,
) -> None:
    """Evaluate and deliver until `stop` is set. Raises RuleError at the start when a rule is wrong."""
    evaluator = open_evaluator(store, config, channels)
    while not stop.is_set():
        evaluator.tick(clock())
        stop.wait(pause(clock(), config).total_seconds())


def pause(now: datetime, config: AlertsConfig) -> timedelta:
    """How long to wait for the next evaluation, but no longer than a failed delivery waits."""
    interval = timedelta(seconds=config.interval_s)
    following = aligned(now, config) + interval + timedelta(seconds=config.delay_s)
    return min(following - now, FIRST_WAIT)
