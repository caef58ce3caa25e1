"""Settings of the dashboards."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

RangeName = Literal["15m", "1h", "6h", "24h", "7d", "30d"]

RANGES: Final[dict[RangeName, int]] = {
    "15m": 900,
    "1h": 3_600,
    "6h": 21_600,
    "24h": 86_400,
    "7d": 604_800,
    "30d": 2_592_000,
}
"""The ranges that the page offers, in seconds."""


class DashboardsConfig(BaseModel):
    """How the built-in page behaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    refresh_seconds: int = Field(default=30, ge=5, le=3600, description="Seconds between two refreshes of the page.")
    default_range: RangeName = Field(default="1h", description="The range that the page shows first.")
