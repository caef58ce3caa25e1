"""The overview: who spends what, what the providers answer, how slow it feels, and whether the numbers are complete."""

from __future__ import annotations

from typing import Final

from dashboards.money import MONEY
from dashboards.panel import Column, Dashboard, Panel, Row, Threshold, Variable

_GLANCE: Final = Row(
    number=101,
    title="At a glance",
    panels=(
        Panel(
            number=1,
            title="Spend",
            description="What the calls of this range cost in US dollars, from the prices that were valid when each "
            "call started. The line below says for which share of the attempts a price is known; the others are not "
            "in the sum.",
            query="spend",
            kind="stat",
            unit="usd",
            width=3,
            height=3,
        ),
        Panel(
            number=2,
            title="Calls",
            description="Calls as the apps made them: a call that the client library retried counts once.",
            query="calls",
            kind="stat",
            width=3,
            height=3,
        ),
        Panel(
            number=3,
            title="Attempts",
            description="HTTP requests to the providers: a call that the client library retried counts each try.",
            query="attempts",
            kind="stat",
            width=3,
            height=3,
        ),
        Panel(
            number=4,
            title="Errors",
            description="Share of attempts that failed, without rate limits (429) and without calls that the app "
            "cancelled.",
            query="error_ratio",
            kind="stat",
            unit="ratio",
            width=3,
            height=3,
            thresholds=(Threshold(value=0.01, colour="warning"), Threshold(value=0.05, colour="critical")),
        ),
        Panel(
            number=5,
            title="Rate limited",
            description="Share of attempts that a provider refused with 429 because a request or token limit was "
            "reached.",
            query="rate_limited_ratio",
            kind="stat",
            unit="ratio",
            width=3,
            height=3,
            thresholds=(Threshold(value=0.02, colour="warning"), Threshold(value=0.1, colour="critical")),
        ),
        Panel(
            number=6,
            title="Latency p95",
            description="19 of 20 calls were answered faster than this, as the app felt it: retries and waits "
            "included.",
            query="felt_p95",
            kind="stat",
            unit="ms",
            width=3,
            height=3,
        ),
        Panel(
            number=7,
            title="Unpriced",
            description="Attempts whose cost is not known: no price for the model, or no usage in the answer. They "
            "cost something, and they are missing in every sum of money here.",
            query="unpriced_attempts",
            kind="stat",
            width=3,
            height=3,
            thresholds=(Threshold(value=1, colour="warning"),),
        ),
        Panel(
            number=8,
            title="Events lost",
            description="Events that apps emitted and that are not stored: dropped by the app, or missing on the way. "
            "Counted over the whole life of every process heard of since the start of this range, for all teams.",
            query="events_lost",
            kind="stat",
            width=3,
            height=3,
            thresholds=(Threshold(value=1, colour="critical"),),
        ),
    ),
)

_SPEND: Final = Row(
    number=102,
    title="Spend",
    panels=(
        Panel(
            number=11,
            title="Cost by team",
            description="Cost in US dollars by team over time; the nine biggest spenders by name. Attempts without a "
            "known price are not in it: see the priced share beside.",
            query="cost_by_team",
            kind="bars",
            unit="usd",
            width=12,
            height=9,
            stack=True,
        ),
        Panel(
            number=12,
            title="Top spenders",
            description="The 50 combinations of team, app and model that cost most. Priced = share of the attempts "
            "whose cost is known; the cost of the others is not in the sum.",
            query="top_spenders",
            kind="table",
            width=12,
            height=9,
            columns=(
                Column(name="team", title="Team"),
                Column(name="app", title="App"),
                Column(name="model", title="Model"),
                Column(name="cost", title="Cost", unit="usd"),
                Column(name="calls", title="Calls", unit="count"),
                Column(name="cost_per_call", title="Per call", unit="usd"),
                Column(name="priced", title="Priced", unit="ratio"),
            ),
            empty="Nobody spent anything in this range.",
        ),
    ),
)

_RELIABILITY: Final = Row(
    number=103,
    title="Reliability",
    panels=(
        Panel(
            number=21,
            title="Rate limited by model",
            description="Share of attempts refused with 429, by provider and model: the ten with the most refusals.",
            query="rate_limited_by_model",
            kind="timeseries",
            unit="ratio",
            width=6,
        ),
        Panel(
            number=22,
            title="Errors by model",
            description="Share of attempts that failed, without 429 and cancelled calls, by provider and model: the "
            "ten with the most errors.",
            query="errors_by_model",
            kind="timeseries",
            unit="ratio",
            width=6,
        ),
        Panel(
            number=23,
            title="Alerts",
            description="Alerts that fire now, that are about to (the condition holds, but not yet long enough), and "
            "that resolved in this range.",
            query="alerts",
            kind="table",
            width=12,
            columns=(
                Column(name="state", title="State", unit="state"),
                Column(name="rule", title="Rule"),
                Column(name="summary", title="Summary"),
                Column(name="since", title="Since", unit="time"),
            ),
            empty="No alert is firing or pending.",
        ),
    ),
)

_SPEED: Final = Row(
    number=104,
    title="Speed and volume",
    panels=(
        Panel(
            number=31,
            title="Felt latency",
            description="How long a call took as the app felt it, retries and waits included: the median, and what 1 "
            "of 20 (p95) and 1 of 100 (p99) exceed.",
            query="felt_latency",
            kind="timeseries",
            unit="ms",
            width=8,
        ),
        Panel(
            number=32,
            title="Time to first token",
            description="How long a streamed answer kept its reader waiting for the first content. Calls that do not "
            "stream are not in it.",
            query="first_token",
            kind="timeseries",
            unit="ms",
            width=8,
        ),
        Panel(
            number=33,
            title="Tokens by kind",
            description="Tokens over time, each counted once: input without the cached part, read from and written to "
            "the provider's cache, output without reasoning, and reasoning.",
            query="tokens_by_kind",
            kind="bars",
            unit="tokens",
            width=8,
            stack=True,
        ),
    ),
)

_DRIFT: Final = Row(
    number=105,
    title="Drift",
    panels=(
        Panel(
            number=41,
            title="Drift of prompts and responses",
            description="The newest comparison of what goes in and comes out with the frozen reference, for each team, "
            "app and kind of text. Novel = share of texts unlike any in the reference, with its 95 % interval.",
            query="drift",
            kind="table",
            width=24,
            height=8,
            columns=(
                Column(name="state", title="State", unit="state"),
                Column(name="team", title="Team"),
                Column(name="app", title="App"),
                Column(name="kind", title="Text"),
                Column(name="novel", title="Novel", unit="ratio"),
                Column(name="low", title="From", unit="ratio"),
                Column(name="high", title="To", unit="ratio"),
                Column(name="samples", title="Samples", unit="count"),
                Column(name="finding", title="Finding"),
            ),
            empty="No texts were compared in this range: apps send texts only when content capture is on.",
        ),
    ),
)

_COMPLETENESS: Final = Row(
    number=106,
    title="Completeness",
    panels=(
        Panel(
            number=42,
            title="Loss ledger",
            description="What became of every event of the processes heard of since the start of this range, over "
            "their whole life. Repeated deliveries are stored once. Missing = a gap that nothing explains. "
            "Unknown tail = emitted by a process that has not closed and not stored yet: on its way, or lost with a "
            "crash. Silent = ended without a goodbye: nobody knows what else it emitted.",
            query="loss_ledger",
            kind="table",
            width=24,
            height=7,
            columns=(
                Column(name="state", title="State", unit="state"),
                Column(name="app", title="App"),
                Column(name="processes", title="Processes", unit="count"),
                Column(name="emitted", title="Emitted", unit="count"),
                Column(name="stored", title="Stored", unit="count"),
                Column(name="repeated", title="Repeated", unit="count"),
                Column(name="dropped", title="Dropped"),
                Column(name="dead_letters", title="Dead letters", unit="count"),
                Column(name="missing", title="Missing", unit="count"),
                Column(name="unknown_tail", title="Unknown tail"),
                Column(name="hook_errors", title="Hook errors", unit="count"),
            ),
            empty="No process was heard of since the start of this range.",
        ),
    ),
)

OVERVIEW: Final = Dashboard(
    uid="tokentide-overview",
    title="tokentide overview",
    description="What the calls to language models cost, who makes them, how they fail, how slow they feel, and "
    "whether the numbers are complete.",
    variables=(Variable(name="teams", title="Team", query="teams"),),
    rows=(_GLANCE, _SPEND, *MONEY, _RELIABILITY, _SPEED, _DRIFT, _COMPLETENESS),
)
