"""What the apps of a run emit, made from a seed, and what of it must be found in the store afterwards.

Sums are computed here from literal prices, not from the price book that the collector uses.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tokentide.call import LLMCall, ProducerReport
from tokentide.identifiers import uuid7
from tokentide.version import VERSION

PRODUCERS: Final = 5
TEAMS: Final = 4


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its rates in US dollars per million tokens."""

    provider: str
    name: str
    input: Decimal
    cached: Decimal
    output: Decimal

    def cost(self, input_tokens: int, cached: int, output_tokens: int) -> Decimal:
        fresh = input_tokens - cached
        return (fresh * self.input + cached * self.cached + output_tokens * self.output) / 1_000_000


MODELS: Final = (
    Model("openai", "gpt-5", Decimal("1.25"), Decimal("0.125"), Decimal(10)),
    Model("openai", "gpt-5-mini", Decimal("0.25"), Decimal("0.025"), Decimal(2)),
    Model("anthropic", "claude-sonnet-4-5", Decimal(3), Decimal("0.3"), Decimal(15)),
)


@dataclass(slots=True)
class Total:
    """The sums of one team."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)

    def add(self, input_tokens: int, output_tokens: int, cost: Decimal) -> None:
        self.calls += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.cost += cost


@dataclass(slots=True)
class Traffic:
    """`calls` and `reports` are the records; `emitted` says how many sequence numbers each producer gave out.

    `planted` counts by reason the records of `calls` that can only become dead letters. Those of reason
    `malformed_json` belong to nobody; all others name their producer and have a sequence number.
    """

    calls: list[bytes] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    emitted: Counter[str] = field(default_factory=Counter)
    teams: defaultdict[str, Total] = field(default_factory=lambda: defaultdict(Total))
    planted: Counter[str] = field(default_factory=Counter)

    @property
    def stored(self) -> int:
        """How many calls must be stored."""
        return sum(total.calls for total in self.teams.values())


def generate(count: int, seed: int, latest: datetime, spread: timedelta) -> Traffic:
    """About `count` records of calls that started up to `spread` before `latest`, in random order of time."""
    chance = random.Random(seed)
    producers = [f"producer-{chance.getrandbits(64):016x}" for _ in range(PRODUCERS)]
    traffic = Traffic()
    for number in range(count):
        producer = chance.choice(producers)
        at = latest - spread * chance.random()
        traffic.emitted[producer] += 1
        traffic.calls.append(_record(traffic, chance, number, producer, at))
        if number % 211 == 13:
            traffic.calls.append(b"nonsense %d" % number)
            traffic.planted["malformed_json"] += 1
    for producer, emitted in traffic.emitted.items():
        report = ProducerReport(
            report_id=producer, producer_id=producer, reported_at=latest, emitted=emitted, closed=True, app="app"
        )
        traffic.reports.append(report.to_json())
    return traffic


def _record(traffic: Traffic, chance: random.Random, number: int, producer: str, at: datetime) -> bytes:
    team, model = f"team-{chance.randrange(TEAMS)}", chance.choice(MODELS)
    input_tokens, output_tokens = chance.randrange(50, 900), chance.randrange(20, 400)
    cached = chance.randrange(50)
    limited = chance.random() < 0.05
    milliseconds = int(at.timestamp() * 1000)
    call = LLMCall(
        call_id=uuid7(milliseconds, chance.randbytes(10)),
        operation_id=uuid7(milliseconds, chance.randbytes(10)),
        producer_id=producer,
        seq=traffic.emitted[producer],
        sdk_version=VERSION,
        started_at=at,
        duration_ms=chance.lognormvariate(6.5, 0.6),
        team=team,
        app=f"app-{chance.randrange(2)}",
        provider=model.provider,
        operation="chat",
        model_requested=model.name,
        prompt="what is asked",
        response="what is answered",
        **(_refused() if limited else _answered(input_tokens, cached, output_tokens)),
    )
    body = call.to_json()
    if number % 97 == 5:
        traffic.planted["wrong_type"] += 1
        return body[:-1] + b',"status":"fine"}'
    if number % 307 == 7:
        traffic.planted["refused_by_store"] += 1
        return body[:-1] + b',"price_key":1}'
    if number % 103 == 9:
        traffic.planted["ancient_timestamp"] += 1
        return body.replace(b'"started_at":"20', b'"started_at":"19')
    if limited:
        traffic.teams[team].add(0, 0, Decimal(0))
    else:
        traffic.teams[team].add(input_tokens, output_tokens, model.cost(input_tokens, cached, output_tokens))
    return body


def _refused() -> dict[str, Any]:
    return {"status": "rate_limited", "http_status": 429, "is_final": False}


def _answered(input_tokens: int, cached: int, output_tokens: int) -> dict[str, Any]:
    return {
        "status": "ok",
        "http_status": 200,
        "usage_source": "provider",
        "input_tokens": input_tokens,
        "cache_read_tokens": cached,
        "output_tokens": output_tokens,
    }
