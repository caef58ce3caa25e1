"""What a channel is: it carries notifications to people or to the program that tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

Cause = Literal["first", "repeat", "resolved"]
"""Why a notification is sent: the alert began to fire, it is time to say so again, or it is over."""

Reason = Literal["auth", "rate_limited", "client_error", "server_error", "timeout", "network"]
"""Why a delivery did not succeed; the set is closed, so that it can be counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The news about one alert. `ends_at` is None while it fires."""

    fingerprint: str
    rule: str
    cause: Cause
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None = None

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """Whether the alert fires or is over."""
        return "firing" if self.ends_at is None else "resolved"


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a channel wants to hear the same news again; None = never."""

    firing: timedelta | None
    resolved: timedelta | None


class Channel(Protocol):
    """One receiver. `name` is the key under which the store remembers what it accepted: stable and free of secrets."""

    name: str
    cadence: Cadence

    def send(self, notifications: Sequence[Notification], now: datetime) -> None:
        """Deliver the news of one rule; returning means that the receiver accepted all of it.

        Raises RetryLater or DeliveryFailed, with a message that holds no secret.
        """


class DeliveryError(Exception):
    """The notifications did not arrive."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RetryLater(DeliveryError):
    """The receiver cannot take it now: try again after `after`, or after a growing wait when it is None."""

    def __init__(self, reason: Reason, message: str, after: timedelta | None = None) -> None:
        super().__init__(reason, message)
        self.after = after


class DeliveryFailed(DeliveryError):
    """The receiver refuses these notifications: trying again soon does not help, a person must look."""
