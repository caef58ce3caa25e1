"""Transports by name. Each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokentide.config import Settings
    from tokentide.transports.transport import Transport

TRANSPORTS: Final = {
    "http": "tokentide.transports.http:HttpTransport",
    "kafka": "tokentide.transports.kafka:KafkaTransport",
    "memory": "tokentide.transports.memory:MemoryTransport",
}


def open_transport(settings: Settings) -> Transport:
    """The transport that `settings` name; nothing is connected yet.

    Raises SettingsError when that transport lacks something in this installation.
    """
    module, name = TRANSPORTS[settings.transport].split(":")
    transport: Transport = getattr(import_module(module), name)(settings)
    return transport
