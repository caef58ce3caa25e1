"""What happens in the demo: who calls how often, when the provider is busy, and the settings that show it soon."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from server.demo.apps.visits import Orders
from server.demo.behaviour import Mixture
from server.demo.rush import Rush

SHARES: Final = {"support": 0.5, "search": 0.3, "growth": 0.2}
"""Which part of the calls each team makes."""

DRIFTING: Final = "support"
"""The team whose visitors ask about something else half-way."""

ALERT: Final = "RateLimitRatioHigh"
"""The alert that the provider's rush must raise."""

SPEND_ALERT: Final = "TeamSpendOverDailyLimit"
"""The alert that the spend of the team `DRIFTING` must raise."""

FEWEST_CALLS: Final = 240
"""Fewer leave too few texts before or after the change of topic to conclude anything."""

TOPIC: Final = "tokentide.calls"
# The part of the calls that the model with the rush gets: half of those of search, and all of growth.
_SHARE: Final = SHARES["search"] / 2 + SHARES["growth"]
_CYCLE_S: Final = 120
_LIVE_REFERENCE_TEXTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How to run the demo. `calls` are for `once`; `minutes` (None: until Ctrl-C) is for the live one.

    Data live in `data_dir`, a new folder, or in a temporary folder that is removed at the end. `port` 0 takes a free
    one. Raises ValueError for fewer calls than FEWEST_CALLS.
    """

    once: bool = False
    json: bool = False
    calls: int = 600
    rate: float = 20.0
    transport: Literal["http", "kafka"] = "http"
    seed: int = 3
    port: int = 0
    data_dir: Path | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.calls < FEWEST_CALLS:
            raise ValueError(f"the demo needs {FEWEST_CALLS} calls or more to show a drift")


def orders(options: DemoOptions) -> list[Orders]:
    """What each app is to do: their calls add up to `options.calls`."""
    calls = {team: round(options.calls * share) for team, share in SHARES.items()}
    calls[DRIFTING] += options.calls - sum(calls.values())
    a_while = max(_LIVE_REFERENCE_TEXTS + 50, round(options.rate * SHARES[DRIFTING] * _CYCLE_S / 2))
    return [
        Orders(
            name=team,
            rate=options.rate * share,
            seed=options.seed,
            calls=calls[team] if options.once else None,
            new_topic_at=(calls[team] // 2 if options.once else a_while) if team == DRIFTING else None,
            careless=not options.once and team == "search",
        )
        for team, share in SHARES.items()
    ]


def behaviour(options: DemoOptions) -> Rush:
    """A provider that is mostly fine, sometimes slow, seldom broken, and short of capacity in every cycle."""
    usual = Mixture(
        seed=options.seed,
        failed_share=0.004,
        slow_share=0.03,
        slow_seconds=0.8,
        delay_seconds=0.02,
        gap_seconds=0.005,
        cached_share=0.25,
    )
    calls = options.calls if options.once else options.rate * _CYCLE_S
    return Rush(usual=usual, seed=options.seed, cycle=round(calls * _SHARE), model="gpt-5-mini", refused_share=0.4)


def server_settings(options: DemoOptions, folder: Path, url: str, bootstrap: str | None) -> dict[str, str]:
    """The environment of `tokentide up`: windows of seconds instead of minutes, a daily limit that is soon reached."""
    settings = {
        "STORE__DSN": f"chdb://{folder / 'store'}",
        "ALERTS__INTERVAL_S": "2",
        "ALERTS__DELAY_S": "1",
        "ALERTS__EXTERNAL_URL": url,
        "ALERTS__DAILY_LIMITS": json.dumps({"support": 0.02 if options.once else 0.25}),
        "ALERTS__RULES": json.dumps({ALERT: _rush_rule(options)}),
        "ANALYZERS__DELAY_S": "1",
        "ANALYZERS__CATCH_UP_S": "60",
    }
    settings |= {f"ANALYZERS__DRIFT_{name}": str(number) for name, number in _drift_numbers(options).items()}
    if bootstrap:
        settings |= {
            "COLLECTOR__SOURCES": json.dumps(["kafka", "http"]),
            "COLLECTOR__KAFKA_BOOTSTRAP": bootstrap,
            "COLLECTOR__KAFKA_TOPIC": TOPIC,
            # How long Kafka waits for a collector that was killed before another one gets its partitions.
            "COLLECTOR__KAFKA_CLIENT": json.dumps({"session_timeout_ms": 6000, "heartbeat_interval_ms": 2000}),
        }
    return {f"TOKENTIDE_{name}": text for name, text in settings.items()}


def _rush_rule(options: DemoOptions) -> dict[str, str | int]:
    # A short run must not miss its rush at the turn of a minute; a long one should see the alert end soon.
    return {"for": "0s", "window": "1m" if options.once else "1s", "min_samples": 10}


def _drift_numbers(options: DemoOptions) -> dict[str, int]:
    if options.once:
        reference = max(50, min(100, options.calls // 6))
        return {"EVERY_S": 5, "WINDOW_S": 60, "REFERENCE_SAMPLES": reference, "MIN_SAMPLES": 20}
    # Few texts often seem to drift when they are looked at every few seconds, so a live run waits for more.
    window_s = max(60, round(150 / (options.rate * SHARES[DRIFTING])))
    return {"EVERY_S": 15, "WINDOW_S": window_s, "REFERENCE_SAMPLES": _LIVE_REFERENCE_TEXTS, "MIN_SAMPLES": 100}


def app_settings(folder: Path, provider: str, intake: str, bootstrap: str | None) -> dict[str, str]:
    """The environment of the apps: where their client libraries find the provider, and where events go."""
    settings = {
        "OPENAI_BASE_URL": f"{provider}/v1",
        "OPENAI_API_KEY": "not-a-key",
        "ANTHROPIC_BASE_URL": provider,
        "ANTHROPIC_API_KEY": "not-a-key",
        "TOKENTIDE_TRANSPORT": "kafka" if bootstrap else "http",
        "TOKENTIDE_ENDPOINT": intake,
        "TOKENTIDE_SPOOL_DIR": str(folder / "spool"),
        "TOKENTIDE_ENVIRONMENT": "demo",
        "TOKENTIDE_USER_KEY": "demo",
    }
    return settings | ({"TOKENTIDE_KAFKA_BOOTSTRAP": bootstrap, "TOKENTIDE_KAFKA_TOPIC": TOPIC} if bootstrap else {})
