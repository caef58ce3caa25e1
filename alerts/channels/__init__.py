"""Channels, one file each. A channel's module offers `channels(config)`: what the configuration asks of it."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from alerts.channels.channel import Channel
from alerts.channels.log import LogChannel
from alerts.config import AlertsConfig

CHANNELS: Final = {
    "alertmanager": "alerts.channels.alertmanager",
    "webhook": "alerts.channels.webhook",
}


def open_channels(config: AlertsConfig) -> list[Channel]:
    """Every channel that `config` asks for, or the log when it asks for none."""
    found: list[Channel] = []
    for module in CHANNELS.values():
        found += import_module(module).channels(config)
    return found or [LogChannel()]
