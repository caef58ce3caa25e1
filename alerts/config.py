"""Settings of the alerts program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FilePath, Secret, SecretStr, UrlConstraints
from pydantic_core import Url

from alerts.rule import RuleNumbers

Address = Secret[Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"])]]


class WebhookConfig(BaseModel):
    """Receivers of the JSON that Alertmanager sends to webhooks.

    Every running alerts program posts to them; with several programs use Alertmanager, which hears them as one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: list[Address] = Field(default=[], description="Addresses to post to; they are treated as secrets.")
    url_file: FilePath | None = Field(default=None, description="File with further addresses, one a line.")
    secret: SecretStr | None = Field(default=None, description="Key of the HMAC-SHA256 signature of each body.")
    secret_file: FilePath | None = Field(default=None, description="File with that key.")
    repeat_interval_s: float = Field(
        default=4 * 3600, gt=0, description="How often a firing alert is told again, seconds."
    )


class AlertmanagerConfig(BaseModel):
    """Prometheus Alertmanager, which then routes, groups, silences and notifies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: list[Address] = Field(
        default=[], description="Base address of every member of the cluster, no load balancer."
    )


class AlertsConfig(BaseModel):
    """When rules are evaluated, with which numbers, and who is told. Without a receiver alerts go to the log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval_s: float = Field(default=30, gt=0, description="Seconds between evaluations.")
    delay_s: float = Field(
        default=10, ge=0, description="How far evaluations stay behind the clock, for late events, seconds."
    )
    rules_dirs: list[Path] = Field(
        default=[], description="Folders with further rules (.yaml) and their queries (.sql)."
    )
    daily_limits: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="Daily limit per team, US dollars."
    )
    default_daily_limit: float | None = Field(
        default=None, gt=0, description="Daily limit of every other team, US dollars; without it they have none."
    )
    resend_interval_s: float = Field(default=60, gt=0, description="How often Alertmanager is told again, seconds.")
    external_url: str = Field(
        default="http://127.0.0.1:8321", description="Address of the page, for links in notifications."
    )
    webhook: WebhookConfig = WebhookConfig()
    alertmanager: AlertmanagerConfig = AlertmanagerConfig()
    rules: dict[str, RuleNumbers] = Field(default={}, description="Numbers of rules that replace the shipped ones.")

    def query_settings(self) -> dict[str, Any]:
        """The settings that a rule's query may use as parameters."""
        return {
            "limited_teams": list(self.daily_limits),
            "daily_limits": list(self.daily_limits.values()),
            "default_daily_limit": float("inf") if self.default_daily_limit is None else self.default_daily_limit,
        }
